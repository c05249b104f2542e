"""What a look at files and windows costs, as the S3 server counts it, and that it misses none of them for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.delta.table import Snapshot
from medallion_assets.orchestration.sensors import arrival
from medallion_assets.orchestration.sensors.arrival import KnownBatches, look
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.sources.rest.landing import FOLDER, SUMMARY, Window
from medallion_assets.storage.stores import open_store
from medallion_assets.triggers.file_arrival import FULL_LISTING_SECONDS, ArrivalCursor, evaluate
from medallion_assets.triggers.look_limits import LookLimits
from medallion_assets_tests.orchestration.sensors.files_in_bucket import FILES, START, FilePlace, written
from medallion_assets_tests.pipeline import declared
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.planting import lake
from medallion_assets_tests.refining.test_files import PRICES
from medallion_assets_tests.services.s3 import S3Server
from medallion_assets_tests.sources.rest.test_windows import ORDERS, SOURCE

PAGE_KEYS = 10
"""So that a hundredth of the files takes as many requests."""
LIMITS = LookLimits(share_requests=8, small_objects=2 * PAGE_KEYS)
MANY = 300
TICKS = 100


def day(number: int, form: str) -> str:
    return (START + timedelta(days=number)).strftime(form)


def hashed(number: int) -> str:
    return f"part-{number * 7919 % 1000:03}.parquet"


NAMES: dict[str, Callable[[int], str]] = {
    "dated": lambda number: day(number, "orders-%Y-%m-%d.csv"),
    "folders of days": lambda number: day(number // 3, f"%Y/%m/%d/{number}.csv"),
    "random": hashed,
    "numbers of any length": lambda number: f"orders-{number}",
}


@pytest.fixture
def place(s3_server: S3Server, tmp_path: Path) -> FilePlace:
    return FilePlace(s3_server, tmp_path, limits=LIMITS, page_keys=PAGE_KEYS)


def filled(place: FilePlace, name: Callable[[int], str] = NAMES["dated"], many: int = MANY) -> FilePlace:
    """Many files, all of them in, and a look at everything has ended."""
    for number in range(many):
        place.put(name(number))
    place.load()
    assert not any(a_whole_round(place))
    return place


def a_whole_round(place: FilePlace) -> Iterator[list[str]]:
    """What each tick asks for, until a look at everything that has not begun yet has ended."""
    for after_seconds in (0, FULL_LISTING_SECONDS):
        if after_seconds or place.cursor.round is not None:
            yield place.tick(after_seconds)
        for _ in range(TICKS):
            if place.cursor.round is None:
                break
            yield place.tick()
        else:
            pytest.fail("the look at everything never ends")


@pytest.mark.parametrize("names", NAMES)
def test_settled_files_cost_a_request_and_in_ten_minutes_one_for_a_page(names: str, place: FilePlace) -> None:
    filled(place, NAMES[names])
    for _ in range(4):
        assert place.tick() == []
        assert place.requests == 1
    requests, place.seconds = list[int](), place.seconds + FULL_LISTING_SECONDS
    while not requests or place.cursor.round is not None:
        assert place.tick() == []
        requests.append(place.requests)
    assert max(requests) <= LIMITS.share_requests + 1
    assert sum(requests) <= MANY / PAGE_KEYS + 1 + len(requests)


def test_what_comes_last_is_seen_at_once_and_so_is_the_last_file_when_it_changes(place: FilePlace) -> None:
    filled(place)
    for key, text in ((day(MANY - 1, "orders-%Y-%m-%d.csv"), "more"), (day(MANY, "orders-%Y-%m-%d.csv"), "")):
        place.put(key, text)
        for _ in range(2):
            assert place.keys(place.tick()) == [key]
            assert place.requests <= 3
        place.load()
        assert place.tick() == []


def test_where_nothing_waits_a_quick_look_does_not_ask_what_is_in(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins behind what came in since."""
    filled(place)
    asked = list[str]()

    def reading(bronze: Snapshot) -> set[str]:
        asked.append(str(bronze.version))
        return loaded_ids(bronze)

    monkeypatch.setattr(arrival, "loaded_ids", reading)
    assert [place.tick(), asked] == [[], []]
    for number in range(MANY, MANY + 4 * PAGE_KEYS):
        place.put(day(number, "orders-%Y-%m-%d.csv"))
    assert len(place.tick()) == 4 * PAGE_KEYS
    place.load()
    assert [place.tick(), len(asked)] == [[], 2]
    assert [place.tick(), len(asked), place.requests] == [[], 2, 1]


def test_another_version_of_the_same_second_is_asked_for_until_it_is_in(place: FilePlace) -> None:
    """F1: its id says that it comes after the one that is in."""
    filled(place)
    last = day(MANY - 1, "orders-%Y-%m-%d.csv")
    place.put(last, "other", moment=MANY)
    assert set(place.tick()) == place.unsettled()
    place.load()
    assert place.tick() == []


@pytest.mark.parametrize(
    "key",
    [
        day(3, "orders-%Y-%m-%d.csv"),  # a file that is replaced
        "orders-2024-12-31.csv",
        "new/folder/orders-2025-01-01.csv",
        day(MANY - 1, "orders-%Y-%m-%d"),  # what the last name begins with
    ],
)
def test_what_comes_anywhere_is_seen_by_the_next_look_at_everything_and_from_then_on(
    key: str, place: FilePlace
) -> None:
    filled(place)
    place.put(key, "late")
    assert place.keys([*a_whole_round(place)][-1]) == [key]
    assert [place.keys(place.tick()) for _ in range(3)] == [[key]] * 3
    place.load()
    assert [place.tick(), place.tick()] == [[], []]
    assert place.requests == 1


def test_what_is_removed_again_is_forgotten(place: FilePlace) -> None:
    filled(place)
    old, new = "orders-2024-12-31.csv", day(MANY, "orders-%Y-%m-%d.csv")
    for key in (old, new):
        place.put(key)
    assert place.keys([*a_whole_round(place)][-1]) == [old, new]
    place.remove(new)
    place.remove(old)
    assert [*a_whole_round(place)][-1] == []
    assert place.tick() == []


def test_a_small_place_is_looked_through_at_every_tick(place: FilePlace) -> None:
    filled(place, many=2 * PAGE_KEYS - 2)
    place.put("orders-2024-12-31.csv")
    assert place.keys(place.tick()) == ["orders-2024-12-31.csv"]
    place.put("orders-2024-12-31.csv", "more")
    assert set(place.tick()) == place.unsettled()
    assert place.requests <= 3


def test_windows_cost_a_request_whatever_they_claimed(place: FilePlace) -> None:
    """One that is new is seen at once; the claims behind them are not listed."""
    place.loaded = replace(declared(ORDERS, source=SOURCE), source_freshness_hours=None)
    place.folder = place.folder.parent / ORDERS.short_name

    def fetch(number: int) -> str:
        begin = START + timedelta(days=number)
        window = Window(begin, begin + timedelta(days=1))
        claim = f"{FOLDER}/after-{window.name.partition('-')[0]}.json"
        for key in (claim, f"{window.folder}/page-00001.json", f"{window.folder}/{SUMMARY}"):
            place.put(key)
        return window.name

    for number in range(MANY // 3):
        fetch(number)
    place.load()
    assert not any(a_whole_round(place))
    for number in (MANY, MANY + 1):
        assert place.tick() == []
        assert place.requests == 1
        new = fetch(number)
        assert place.tick() == [new]
        assert place.requests == 1
        place.load()


def test_a_folder_of_a_disk_is_looked_through_at_every_tick(tmp_path: Path) -> None:
    """However many lie there: that costs no requests."""
    folder, loaded = tmp_path / "raw" / "prices", declared(PRICES, source=FILES)
    folder.mkdir(parents=True)
    lakehouse, raw_url, cursor = lake(tmp_path / "lakehouse"), str(tmp_path / "raw"), ArrivalCursor()
    for key in ("b", "c", "d"):
        (folder / key).touch()
    there = FILES.find(open_store(str(folder))).batches
    lakehouse.ready(bronze_table("prices")).commit([written(found.id) for found in there])
    for seconds, asked in ((0, []), (5, ["a"]), (10, ["a", "c"])):
        for key in asked:
            (folder / key).write_text(str(seconds))
        now = START + timedelta(seconds=seconds)
        decided = evaluate(
            now,
            cursor,
            look(KnownBatches(lakehouse, loaded), raw_url, cursor, now, replace(LIMITS, small_objects=1)),
            AT_ONCE,
        )
        assert [found.id.partition("@")[0] for found in decided.wanted] == asked
        cursor = decided.cursor


NAMES_OF_ALL_KINDS = ("a", "a.csv", "a.csv.gz", "a-1.csv", "b/2025.csv", "b/a", "b.csv", "c/d/e.csv", "z", "zz.csv")
changes = st.tuples(st.sampled_from(NAMES_OF_ALL_KINDS), st.sampled_from(["put", "same second", "remove"]))
steps = st.one_of(
    st.lists(changes, min_size=1, max_size=3), st.sampled_from(["load", "lose the cursor", "crash after the look"])
)


@examples(60)
@given(
    there=st.sets(st.sampled_from(NAMES_OF_ALL_KINDS)),
    many=st.integers(0, 5),
    before_ticks=st.lists(steps, max_size=8),
    limits=st.builds(
        LookLimits, share_requests=st.integers(1, 3), quick_requests=st.integers(1, 4), small_objects=st.integers(0, 8)
    ),
)
def test_after_a_round_just_what_lies_there_and_is_not_in_is_asked_for(
    s3_server: S3Server, there: set[str], many: int, before_ticks: list[list[tuple[str, str]] | str], limits: LookLimits
) -> None:
    """In any cutting into ticks, whatever comes, changes and goes between them, and wherever a tick is lost."""
    with TemporaryDirectory() as home:
        place = FilePlace(s3_server, Path(home), limits=limits, page_keys=4)
        for key in [*sorted(there), *(f"m-{number}.csv" for number in range(many))]:
            place.put(key)
        place.load()
        for step in before_ticks:
            before = place.text
            match step:
                case "load":
                    place.load()
                case "lose the cursor":
                    place.text = ""
                case "crash after the look":
                    place.tick()
                    place.text = before
                case _:
                    for key, change in step:
                        is_there = (place.folder / key).exists()
                        if change == "remove" and is_there:
                            place.remove(key)
                        elif change != "remove":
                            place.put(key, str(next(place.moments)), moment=1 if change == "same second" else None)
            place.tick()
        for _ in a_whole_round(place):
            pass
        assert {*place.tick()} == place.unsettled()
        place.load()
        assert place.tick() == []

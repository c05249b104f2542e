"""A look at everything that goes on over several ticks finds what one at once would, whatever arrives meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import STARTED_NAME
from medallion_assets.storage.stores import open_store
from medallion_assets.triggers.file_arrival import FULL_LISTING_SECONDS
from medallion_assets.triggers.look_limits import LookLimits
from medallion_assets_tests.orchestration.sensors.exports_in_bucket import FILES, TABLE, Place, export_id
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.services.s3 import S3Server

PAGE_KEYS = 8
"""An export has 5 files: pages end in the middle of exports."""
PREFIXES = ("", "a/", "b/2025/", "c/", "d/")
TICKS = 100


@pytest.fixture
def place(s3_server: S3Server, tmp_path: Path) -> Place:
    """Of which some dozen files are many."""
    limits = LookLimits(share_requests=2, small_objects=PAGE_KEYS)
    return Place(s3_server, tmp_path, limits=limits, page_keys=PAGE_KEYS)


def to_the_end(place: Place) -> Iterator[list[str]]:
    """What each tick asks for, until the look at everything that is under way has ended."""
    for _ in range(TICKS):
        if place.cursor.round is None:
            return
        yield place.tick()
    pytest.fail("the look at everything never ends")


def a_whole_round(place: Place) -> Iterator[list[str]]:
    """What each tick asks for, until a look at everything that has not begun yet has ended."""
    yield from to_the_end(place)
    yield place.tick(FULL_LISTING_SECONDS)
    yield from to_the_end(place)


def test_a_tick_lists_its_share_and_a_round_a_request_for_a_page(place: Place) -> None:
    for number in range(20):
        place.land(export_id(number, 0), f"{number:02}/", settled=True)
    place.settle()
    assert place.tick() == []
    requests = [place.requests]
    for asked in to_the_end(place):
        assert asked == []
        requests.append(place.requests)
    assert max(requests) == 2
    assert sum(requests) <= 1 + 20 * (len(FILES) + 1) / PAGE_KEYS
    place.tick()
    assert place.requests <= 3  # of the newest prefix, the last with what comes behind it, and a page of folders


def test_what_a_share_finds_is_asked_for_at_once_and_at_every_tick(place: Place) -> None:
    found = [export_id(number, 0) for number in range(8)]
    for number, export in enumerate(found):
        place.land(export, f"{number}/")
    asked = [place.tick(), *to_the_end(place)]
    assert len(asked) > 3
    assert asked[0] == found[:2]
    assert all({*before} <= {*after} for before, after in pairwise(asked))
    assert asked[-1] == place.tick() == found


def test_new_exports_are_seen_at_once_while_a_look_at_everything_goes_on(place: Place) -> None:
    for number in range(30):
        place.land(export_id(0, number), "a/", settled=True)
    place.settle()
    assert not any(a_whole_round(place))
    place.tick(FULL_LISTING_SECONDS)
    assert place.cursor.round is not None
    for number in range(30, 33):
        place.land(export_id(0, number), "a/")
        assert export_id(0, number) in place.tick()
        assert place.cursor.round is not None


def test_an_export_that_stays_unsettled_far_back_hides_no_new_ones(place: Place) -> None:
    """It is remembered, and the position passes it, where a quick look does not get from it to the end."""
    place.limits = replace(place.limits, quick_requests=3)
    place.land(export_id(0, 0), "a/", files=(STARTED_NAME,))
    for number in range(1, 30):
        place.land(export_id(0, number), "a/", settled=True)
    place.settle()
    assert not any(a_whole_round(place))
    place.tick()
    new = export_id(0, 30)
    place.land(new, "a/")
    assert place.tick() == [new]
    assert place.requests <= 3
    place.land(export_id(0, 0), "a/")
    assert [*a_whole_round(place)][-1] == [export_id(0, 0), new]


@pytest.mark.parametrize("text", ["", "not json", '{"version": 0}'])
def test_a_lost_cursor_begins_anew(text: str, place: Place) -> None:
    for number in range(9):
        place.land(export_id(0, number), "a/")
    place.tick()
    place.tick()
    before = place.cursor.round
    place.text = text
    place.tick()
    assert before is not None
    assert place.cursor.round is not None
    assert "" < place.cursor.round.after < before.after


def test_an_export_of_more_files_than_a_share_is_found_whole(place: Place) -> None:
    """It is listed in one tick, for nobody could say from a part of it whether it has changed."""
    large, after = export_id(0, 1), export_id(0, 2)
    place.land(export_id(0, 0), "a/")
    place.land(large, "a/", files=(*FILES, *(f"{number}.json.gz" for number in range(5 * PAGE_KEYS))))
    place.land(after, "a/")
    asked = [*a_whole_round(place)]
    assert asked[-1] == [export_id(0, 0), large, after]
    whole = find_exports(open_store(f"{place.raw_url}/{TABLE}", place.server.environment))
    assert [known.found for known in place.cursor.remembered] == whole


def test_a_cursor_stays_small_whatever_waits(place: Place) -> None:
    place.limits = replace(place.limits, remembered=5)
    for number in range(40):
        place.land(export_id(0, number), f"{number:02}/")
    asked = [place.tick(), *to_the_end(place)]
    assert [len(found) for found in asked[:-1]] == [2, 5 - 1, *[5] * (len(asked) - 3)]
    assert len(place.cursor.remembered) == 5
    assert len(place.cursor.prefixes.held) <= place.limits.prefixes
    assert all(found == [export_id(0, number) for number in range(5)] for found in asked[3:-1])


@dataclass(frozen=True)
class Arrival:
    """An export that lands before a tick: where, and the place of its id."""

    prefix: str
    number: int
    is_settled: bool
    is_complete: bool


arrivals = st.builds(Arrival, st.sampled_from(PREFIXES), st.integers(0, 60), st.booleans(), st.booleans())


@examples(60)
@given(
    there=st.lists(arrivals, max_size=12, unique_by=lambda arrival: arrival.number),
    before_ticks=st.lists(st.lists(arrivals, max_size=3), max_size=8),
    limits=st.builds(
        LookLimits,
        share_requests=st.integers(1, 3),
        quick_requests=st.integers(2, 4),
        small_objects=st.just(PAGE_KEYS),
        prefixes=st.integers(1, 3),
    ),
)
def test_every_export_is_found_within_a_round_and_waits_from_then_on(
    s3_server: S3Server,
    there: list[Arrival],
    before_ticks: list[list[Arrival]],
    limits: LookLimits,
) -> None:
    """In any cutting into ticks, with exports landing between them anywhere in the order of keys and of ids."""
    with TemporaryDirectory() as home:
        place, numbers = Place(s3_server, Path(home), limits=limits, page_keys=PAGE_KEYS), set[int]()
        complete, asked = set[str](), list[list[str]]()

        def land(landing: list[Arrival], *, may_be_settled: bool = False) -> None:
            for arrival in landing:
                if arrival.number not in numbers:
                    export, is_settled = export_id(0, arrival.number), may_be_settled and arrival.is_settled
                    files = FILES if arrival.is_complete or is_settled else (STARTED_NAME,)
                    place.land(export, arrival.prefix, settled=is_settled, files=files)
                    if arrival.is_complete and not is_settled:
                        complete.add(export)
                    numbers.add(arrival.number)

        land(there, may_be_settled=True)
        if place.settled:
            place.settle()
        for landing in before_ticks:
            land(landing)
            asked.append(place.tick())
        asked += a_whole_round(place)
        assert {*asked[-1]} == complete
        for before, after in pairwise(asked):
            assert {*before} <= {*after}
        assert {*place.tick()} == complete

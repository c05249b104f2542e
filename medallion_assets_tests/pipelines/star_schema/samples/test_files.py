"""The sample shop's files: the same for a seed, with everything in them that makes loading files hard."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.star_schema.samples.files import FILES, SampleFile, write_shop

FIRST = date(2025, 1, 1)
DAYS = 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_shop(str(folder), seed=3, orders=800, customers=300, products=120, days=DAYS, first_day=FIRST)
    return folder


def lines(shop: Path, file: SampleFile, day: int) -> list[dict[str, str]]:
    path = shop / file.table / f"{file.table}_{FIRST + timedelta(days=day)}.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def all_lines(shop: Path, file: SampleFile) -> list[tuple[int, dict[str, str]]]:
    return [(day, line) for day in range(DAYS) for line in lines(shop, file, day)]


def told(shop: Path, file: SampleFile) -> dict[tuple[str, ...], list[tuple[int, datetime, bool]]]:
    """By key, in the order of files: the file's day, the time of the change, and whether it is a delete."""
    found: dict[tuple[str, ...], list[tuple[int, datetime, bool]]] = {}
    for day, line in all_lines(shop, file):
        if line["updated_at"].endswith("Z"):
            change = (day, datetime.fromisoformat(line["updated_at"]), line["deleted"] == file.flags[0])
            found.setdefault(tuple(line[name] for name in file.key), []).append(change)
    return found


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder, seed in (("one", 1), ("two", 1), ("three", 2)):
        write_shop(str(tmp_path / folder), seed=seed, orders=50, customers=20, products=10, days=3)
    one, two, three = (
        {path.relative_to(tmp_path / folder): path.read_bytes() for path in (tmp_path / folder).rglob("*.csv")}
        for folder in ("one", "two", "three")
    )
    assert one == two
    assert one != three


def test_every_table_has_a_file_a_day_with_its_header(shop: Path) -> None:
    for file in FILES:
        paths = sorted((shop / file.table).iterdir())
        assert [path.name for path in paths] == [
            f"{file.table}_{FIRST + timedelta(days=day)}.csv" for day in range(DAYS)
        ]
        assert {path.read_text(encoding="utf-8").splitlines()[0] for path in paths} == {",".join(file.header)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.table)
def test_changes_come_late_out_of_order_and_twice_and_some_are_deletes(shop: Path, file: SampleFile) -> None:
    changes = told(shop, file)
    assert any(earlier[1] > later[1] for of_key in changes.values() for earlier, later in pairwise(of_key))
    assert any(is_delete for of_key in changes.values() for _, _, is_delete in of_key)
    assert max(Counter(str(line) for line in all_lines(shop, file)).values()) == 2
    last = datetime.combine(FIRST, datetime.min.time(), tzinfo=UTC)
    assert all(at < last + timedelta(days=day + 1) for of_key in changes.values() for day, at, _ in of_key)
    assert any(at < last + timedelta(days=day) for of_key in changes.values() for day, at, _ in of_key if day)


def test_customers_change_twice_on_one_day_and_leave_and_return(shop: Path) -> None:
    states = [sorted({change[1:] for change in of_key}) for of_key in told(shop, FILES[0]).values()]
    days = [Counter(at.date() for at, _ in of_key) for of_key in states]
    assert any(count > 1 for of_key in days for count in of_key.values())
    assert any(was and not now for of_key in states for (_, was), (_, now) in pairwise(of_key))


def test_orders_name_nobody_and_people_that_no_file_tells_of_or_only_a_later_one(shop: Path) -> None:
    people = {key: min(day for day, _, _ in changes) for (key,), changes in told(shop, FILES[0]).items()}
    named = [(day, line["customer_id"]) for day, line in all_lines(shop, FILES[2]) if line["deleted"] == "0"]
    assert "" in {customer for _, customer in named}
    assert any(customer and customer not in people for _, customer in named)
    assert any(people.get(customer, day) > day for day, customer in named)


def test_a_delete_has_its_key_its_time_and_its_flag_alone(shop: Path) -> None:
    for file in FILES:
        deletes = [line for _, line in all_lines(shop, file) if line["deleted"] == file.flags[0]]
        assert {line[name] for line in deletes for name in file.columns} == {""}
        assert all(line[name] for line in deletes for name in file.key)


def test_some_lines_are_bad_if_any_are_asked_for(tmp_path: Path) -> None:
    for folder, share in (("none", 0.0), ("some", 0.05)):
        write_shop(str(tmp_path / folder), orders=300, customers=300, products=300, days=2, bad_share=share)
        texts = {
            file.table: "".join(path.read_text() for path in (tmp_path / folder / file.table).iterdir())
            for file in FILES
        }
        found = {table: text in texts[table] for table, text in BAD.items()}
        assert found == dict.fromkeys(BAD, share > 0)


BAD = {"crm_customers": "yesterday", "products": '"9,99"', "orders": ",lost,", "order_lines": ",5%,"}


def test_a_shop_of_no_days_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="this shop cannot be made"):
        write_shop(str(tmp_path), days=0)

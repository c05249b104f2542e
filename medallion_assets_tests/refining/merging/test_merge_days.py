"""A long day, made in several files: of the keys that change, and of those beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.table import Column, Integer, Table, Text
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.aside import Place
from medallion_assets.engines.extent import Extent
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.merging import merge_days
from medallion_assets.refining.merging.merge_days import (
    GROUPS_A_PROCESS,
    DayItem,
    DaysWork,
    neighbours,
    replace_days,
)
from medallion_assets.refining.merging.winners import NewRows
from medallion_assets_tests import pipeline
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.oracle.lines import item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.refining.planting import AT, HOUR, full_of, lake, live, refined, window_of

SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAY, OTHER_DAY, EMPTY_DAY = date(2025, 3, 7), date(2025, 3, 6), date(2025, 3, 5)
NEWER = [f"newer{number}" for number in range(8)]

PICTURE = full_of(
    3, item_line(transaction("other", transaction_timestamp={"S": f"{OTHER_DAY}T20:00:00Z"})), at=AT + HOUR
)


def test_of_a_long_day_that_does_not_change_nothing_is_written(tmp_path: Path) -> None:
    """A full export looks at every day; what is newer than it stays, and no file is left that nobody names."""
    lakehouse = long_day(tmp_path)
    before = files_of_day(lakehouse)
    assert refined(lakehouse, PICTURE).restated == {OTHER_DAY}
    assert files_of_day(lakehouse) == before
    assert set(live(lakehouse)) == {*NEWER, "other"}


def test_a_change_in_one_file_leaves_the_keys_of_the_others(tmp_path: Path) -> None:
    """Those before it, which did not change, are written as the table has them."""
    lakehouse = long_day(tmp_path, "old")
    before = files_of_day(lakehouse)
    assert refined(lakehouse, PICTURE).restated == {DAY, OTHER_DAY}
    assert set(live(lakehouse)) == {*NEWER, "other"}
    assert lakehouse.open(SILVER).partition_files([DAY]).height == len(files_of_day(lakehouse) - before) > 1


def test_a_day_gains_a_key_changes_one_and_loses_another_at_once(tmp_path: Path) -> None:
    """The one that it loses has gone to another day; each lies in one day, once."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, *(item_line(transaction(key)) for key in ("stays", "moves", "changes"))))
    changes = [
        transaction("moves", transaction_timestamp={"S": f"{OTHER_DAY}T20:00:00Z"}),
        transaction("comes"),
        transaction("changes", amount={"N": "7"}),
    ]
    done = refined(lakehouse, window_of(2, *(upsert_line(micros(AT + HOUR / 2), item) for item in changes)))
    assert done.restated == {DAY, OTHER_DAY}
    rows = sorted(pipeline.rows(lakehouse, SILVER), key=lambda row: row["transaction_id"])
    assert [(row["transaction_id"], row["transaction_date"], row["amount"] == 7) for row in rows] == [
        ("changes", DAY, True),
        ("comes", DAY, False),
        ("moves", OTHER_DAY, False),
        ("stays", DAY, False),
    ]


def test_each_part_is_opened_once_for_neighbouring_days(tmp_path: Path) -> None:
    """However many files a day becomes: a full export has as many parts as blocks, each with rows of every day."""
    opened: list[int] = []

    def noted(rows: pl.DataFrame, part: int) -> pl.DataFrame:
        opened.append(part)
        return rows

    silver = lake(tmp_path / "lake").ready(SILVER)
    schema = polars_schema(SILVER)
    parts = [
        pl.DataFrame(
            {name: [f"{part}-{number}" for number in range(4)] for name in SILVER.key}
            | {"transaction_date": [DAY, DAY, DAY, OTHER_DAY]}
        )
        .select(
            pl.col(name).cast(kind) if name in (*SILVER.key, "transaction_date") else pl.lit(None, kind).alias(name)
            for name, kind in schema.items()
        )
        .lazy()
        .map_batches(partial(noted, part=part))
        for part in range(3)
    ]
    new = NewRows(partition_by="transaction_date", parts=parts, schema=schema, place=Place(str(tmp_path)))
    fulls = FullBatches(applied=[], applying=None, bad_keys=pl.DataFrame())
    gone = pl.DataFrame(schema={name: schema[name] for name in SILVER.key})
    days = [
        DayItem(
            day=day, held=silver.part(paths=()), in_parts=in_parts, extent=Extent(rows, 100), gone=gone, most_bytes=10
        )
        for day, in_parts, rows in ((EMPTY_DAY, 0, 0), (OTHER_DAY, 0b101, 2), (DAY, 0b101, 6))
    ]
    empty, other, made = replace_days(days, work=DaysWork(folder=silver.folder, new=new, fulls=fulls))
    assert (len(empty.written), sum(file.rows for file in other.written)) == (0, 2)
    assert (len(made.written) > 1, sum(file.rows for file in made.written)) == (True, 6)
    assert sorted(opened) == [0, 2]


@pytest.mark.parametrize(
    ("days", "parts", "processes", "heights"),
    [(5, 1, 1, [1] * 5), (5, 2, 1, [1] * 5), (13, 2, 1, [3, 3, 3, 3, 1]), (200, 2, 2, [16] * 12 + [8])],
    ids=["of one part", "few days", "for each process some", "no more files than can be written at a time"],
)
def test_days_are_put_together(days: int, parts: int, processes: int, heights: list[int]) -> None:
    silver_files = ParquetFiles(uri="", paths=(), schema=pl.Schema())
    items = [
        DayItem(
            day=DAY + timedelta(days=day),
            held=silver_files,
            in_parts=3,
            extent=Extent(),
            gone=pl.DataFrame(),
            most_bytes=None,
        )
        for day in range(days)
    ]
    assert [len(group) for group in neighbours(items, parts, processes)] == heights


@pytest.mark.parametrize(
    ("new", "says_more"), [(("a", 1, 2), False), (("a", 1, 3), True), (("a", 2, 2), True), (("b", 1, 2), True)]
)
def test_columns_may_have_any_names(new: tuple[str, int, int], *, says_more: bool) -> None:
    """One may be called as another was before."""
    columns = (Column("key", Text(), "key"), Column("x", Integer(), "now"), Column("x before", Integer(), "then"))
    table = Table(name="silver.changes", description="values as they were", key=("key",), columns=columns)
    held, came = (pl.DataFrame([row], schema=["key", "x", "x before"], orient="row") for row in (("a", 1, 2), new))
    found = merge_days._found(held, came, table.key)
    assert merge_days._says_more(came, held, found, table) is says_more


@dataclass(frozen=True)
class ShortFiles(PolarsEngine):
    """One item at a time, and files of one row group of one row each."""

    @property
    def processes(self) -> int:
        return 1

    @contextmanager
    def workspace(self, beside: Place) -> Iterator[Place]:
        with super().workspace(beside) as place:
            yield replace(place, file_bytes=1, row_group_bytes=1)


@pytest.mark.slow
@pytest.mark.own_engine
def test_a_second_full_export_leaves_every_key_live(tmp_path: Path) -> None:
    """Where days are put together in several files each, and all of their keys lie in the table already."""
    days = [DAY - timedelta(days=number) for number in range(2 * GROUPS_A_PROCESS)]
    sales = [
        item_line(transaction(f"t{number}", transaction_timestamp={"S": f"{day}T20:00:00Z"}))
        for number, day in enumerate(days * 4)
    ]
    lakehouse = lakehouse_at(tmp_path, ShortFiles(bounds=small_bounds(4)))
    refined(lakehouse, full_of(1, *sales))
    second = full_of(3, *sales, at=AT + HOUR)
    assert refined(lakehouse, second).rows_changed == len(sales)
    assert live(lakehouse) == dict.fromkeys((f"t{number}" for number in range(len(sales))), second.export_id)


def long_day(folder: Path, *older: str) -> Lakehouse:
    """Eight sales that are newer than the next full export, and some that are older."""
    lakehouse = lake(folder, small_bounds(3))
    changes = [upsert_line(micros(AT + 2 * HOUR), transaction(key)) for key in NEWER]
    refined(lakehouse, full_of(1, *(item_line(transaction(key)) for key in older)))
    refined(lakehouse, window_of(2, *changes, length=3 * HOUR))
    assert lakehouse.open(SILVER).partition_files([DAY]).height > 1
    return lakehouse


def files_of_day(lakehouse: Lakehouse) -> set[Path]:
    return set(Path(lakehouse.open(SILVER).folder.uri).rglob(f"transaction_date={DAY}/*.parquet"))

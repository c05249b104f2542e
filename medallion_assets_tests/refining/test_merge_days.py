"""A long day, made in several files: of the keys that change, and of those beside them."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.aside import Place
from medallion_assets.refining.full_exports import FullExports
from medallion_assets.refining.merge_days import DayItem, DaysWork, NewRows, replace_day
from medallion_assets_tests import pipeline
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.oracle.lines import item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.refining.planting import AT, HOUR, full_of, lake, live, refined, window_of

SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAY, OTHER_DAY = date(2025, 3, 7), date(2025, 3, 6)
NEWER = [f"newer{number}" for number in range(8)]

PICTURE = full_of(
    3, item_line(transaction("other", transaction_timestamp={"S": f"{OTHER_DAY}T20:00:00Z"})), at=AT + HOUR
)


def test_of_a_long_day_that_does_not_change_nothing_is_staged(tmp_path: Path) -> None:
    """A full export looks at every day; what is newer than it stays, and no file is left that nobody names."""
    lakehouse = long_day(tmp_path)
    before = files_of_day(lakehouse)
    assert refined(lakehouse, PICTURE).restated == {OTHER_DAY}
    assert files_of_day(lakehouse) == before
    assert set(live(lakehouse)) == {*NEWER, "other"}


def test_a_change_in_one_file_leaves_the_keys_of_the_others(tmp_path: Path) -> None:
    """Those before it, which did not change, are staged as the table has them."""
    lakehouse = long_day(tmp_path, "old")
    before = files_of_day(lakehouse)
    assert refined(lakehouse, PICTURE).restated == {DAY, OTHER_DAY}
    assert set(live(lakehouse)) == {*NEWER, "other"}
    assert lakehouse.open(SILVER).partition_files([DAY]).height == len(files_of_day(lakehouse) - before) > 1


def test_each_part_of_a_long_day_is_opened_once(tmp_path: Path) -> None:
    """However many files it becomes: a full export has as many parts as blocks, each with rows of every day."""
    opened: list[int] = []

    def noted(rows: pl.DataFrame, part: int) -> pl.DataFrame:
        opened.append(part)
        return rows

    silver = lake(tmp_path / "lake").ready(SILVER)
    schema = polars_schema(SILVER)
    parts = [
        pl.DataFrame(
            {name: [f"{part}-{number}" for number in range(4)] for name in SILVER.key} | {"transaction_date": [DAY] * 4}
        )
        .select(
            pl.col(name).cast(kind) if name in (*SILVER.key, "transaction_date") else pl.lit(None, kind).alias(name)
            for name, kind in schema.items()
        )
        .lazy()
        .map_batches(partial(noted, part=part))
        for part in range(3)
    ]
    new = NewRows(
        partition_by="transaction_date", parts=parts, schema=schema, row_bytes=100, place=Place(str(tmp_path))
    )
    fulls = FullExports(applied=[], applying=None, bad_keys=pl.DataFrame())
    gone = pl.DataFrame(schema={name: schema[name] for name in SILVER.key})
    item = DayItem(day=DAY, held=silver.part(paths=()), in_parts=0b101, gone=gone, most_bytes=20)
    made = replace_day(item, work=DaysWork(folder=silver.folder, new=new, fulls=fulls))
    assert (len(made.staged) > 1, sum(file.rows for file in made.staged)) == (True, 8)
    assert sorted(opened) == [0, 2]


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

"""What a table holds of the keys of events is found in one look through it, whatever the parts of the events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.refining.merging.held import _passes, _slices, held_rows
from medallion_assets_tests import pipeline

pytestmark = pytest.mark.own_engine
SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAYS = [date(2025, 3, day) for day in (6, 7, 8)]


@dataclass(frozen=True, kw_only=True)
class CountingEngine(PolarsEngine):
    """Notes how many items it was handed."""

    handed: list[int] = field(default_factory=list)

    def map_items(self, function: Callable[[Any], Any], items: Iterable[Any], *, are_large: bool = False) -> Any:
        listed = list(items)
        self.handed.append(len(listed))
        return super().map_items(function, listed, are_large=are_large)


class ElsewhereEngine(CountingEngine):
    """Its functions share no memory with their caller."""

    def memory_or(self, folder: Place) -> Place:  # type: ignore[override]
        return folder


def table_of(folder: Path, engine: PolarsEngine) -> Snapshot:
    """Ten keys a day: a0 to a9, b0 to b9, c0 to c9."""
    silver = pipeline.lakehouse_at(folder, engine).ready(SILVER)
    written = []
    for letter, day in zip("abc", DAYS, strict=True):
        rows = pl.DataFrame({"transaction_id": [f"{letter}{number}" for number in range(10)]}).with_columns(
            pl.lit(None, dtype=kind).alias(name)
            for name, kind in polars_schema(SILVER).items()
            if name not in ("transaction_id", "is_deleted", "_sequence_micros", "_export_id")
        )
        rows = rows.with_columns(
            is_deleted=pl.lit(value=False), _sequence_micros=pl.lit(1, pl.Int64), _export_id=pl.lit("1")
        )
        rows = rows.with_columns(pl.lit(day).alias("transaction_date")).select(polars_schema(SILVER).names())
        written.append(silver.folder.write(rows.lazy(), partition=day, bounds=("_sequence_micros",)))
    silver.commit(written)
    return silver.lakehouse.open(SILVER)


def parts(*keys: str) -> Iterator[pl.LazyFrame]:
    return (pl.LazyFrame({"transaction_id": part.split()}) for part in keys)


def found(rows: pl.LazyFrame) -> dict[str, date]:
    return dict(rows.select("transaction_id", "transaction_date").collect().iter_rows())


def test_parts_that_fit_together_are_one_look_at_each_file(tmp_path: Path) -> None:
    engine = CountingEngine(bounds=Bounds(keys=10, group_rows=2))
    silver = table_of(tmp_path / "lake", engine)
    held = held_rows(silver, list(parts("a1 c9", "b0 new", "c9")), Place(str(tmp_path)))
    assert [found(rows) for rows in held] == [{"a1": DAYS[0], "b0": DAYS[1], "c9": DAYS[2]}] * 3
    assert engine.handed == [3]


def test_more_keys_than_fit_are_looked_for_in_turn(tmp_path: Path) -> None:
    engine = CountingEngine(bounds=Bounds(keys=20, group_rows=20))
    silver = table_of(tmp_path / "lake", engine)
    eleven = " ".join(["a1", "c9", *map(str, range(9))])
    held = held_rows(silver, list(parts(eleven, "b0 new", "c8", eleven)), Place(str(tmp_path)))
    first = {"a1": DAYS[0], "b0": DAYS[1], "c9": DAYS[2], "c8": DAYS[2]}
    assert [found(rows) for rows in held] == [first, first, first, {"a1": DAYS[0], "c9": DAYS[2]}]
    assert engine.handed == [4, 4], "each part is counted; two passes over two slices of 20 rows"


@pytest.mark.parametrize(
    ("heights", "passes"),
    [
        ([12, 8], [[0, 1]]),
        ([12, 9], [[0], [1]]),
        ([25, 1, 25], [[0], [1], [2]]),
        ([12, 9, 8, 5, 15], [[0], [1, 2], [3, 4]]),
    ],
)
def test_a_pass_has_as_many_parts_as_fit(heights: list[int], passes: list[list[int]]) -> None:
    """Each of them is full before the next begins; a part that is too large is alone."""
    keys = [pl.LazyFrame({"transaction_id": [str(number) for number in range(height)]}) for height in heights]
    assert _passes(keys, PolarsEngine(bounds=Bounds(keys=20, block_rows=20))) == passes


@pytest.mark.parametrize(
    ("rows", "slices"),
    [
        ((12, 8), [2]),
        ((12, 9), [1, 1]),
        ((25, 1, 25), [1, 1, 1]),
        ((12, 9, 8, 5, 15), [1, 2, 2]),
        ((), [5]),
    ],
    ids=str,
)
def test_a_slice_has_as_many_files_as_fit(rows: tuple[int, ...], slices: list[int]) -> None:
    """Those that nobody counted are looked through together."""
    paths = tuple(f"{number}.parquet" for number in range(len(rows) or 5))
    cut = _slices(ParquetFiles(uri="stock", paths=paths, schema=pl.Schema(), rows=rows), 20)
    assert [len(files.paths) for files in cut] == slices
    assert tuple(path for files in cut for path in files.paths) == paths


def test_many_thin_parts_are_one_look(tmp_path: Path) -> None:
    """As many as there are keys to be looked for, and not as there would be in full parts."""
    engine = CountingEngine(bounds=Bounds(keys=30, group_rows=20))
    silver = table_of(tmp_path / "lake", engine)
    held = held_rows(silver, list(parts(*(f"a{number}" for number in range(10)))), Place(str(tmp_path)))
    assert [len(found(rows)) for rows in held] == [10] * 10
    assert engine.handed[1:] == [1]


def test_one_part_finds_its_rows_itself(tmp_path: Path) -> None:
    engine = CountingEngine(bounds=Bounds(keys=10))
    silver = table_of(tmp_path / "lake", engine)
    (held,) = held_rows(silver, list(parts("a1")), Place(str(tmp_path)))
    assert (len(found(held)), engine.handed) == (30, [])


@pytest.mark.parametrize(("keys", "handed"), [(10, [3]), (30, [])])
def test_for_one_part_other_processes_look_through_a_large_table_together(
    tmp_path: Path, keys: int, handed: list[int]
) -> None:
    engine = ElsewhereEngine(bounds=Bounds(keys=keys))
    silver = table_of(tmp_path / "lake", engine)
    (held,) = held_rows(silver, list(parts("a1 c9")), Place(str(tmp_path)))
    assert {"a1": DAYS[0], "c9": DAYS[2]}.items() <= found(held).items()
    assert engine.handed == handed
    put_aside = list(tmp_path.glob("aside-*.parquet"))
    assert len(put_aside) == (2 if handed else 0), "of a file without these keys there is nothing to be handed over"

"""Data files as one frame: all rows of them, or those with some values of a column."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.engines.blocks import HALVED_ROWS, blocks_of
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.remote import _slices

ROWS = pl.DataFrame({"raw": [str(number) for number in range(12)], "id": ["a"] * 4 + ["b"] * 4 + ["c"] * 4})


@pytest.fixture
def files(tmp_path: Path) -> ParquetFiles:
    """A file with a row group of each id."""
    ROWS.write_parquet(tmp_path / "rows.parquet", row_group_size=4, compression="uncompressed")
    return ParquetFiles(uri=str(tmp_path), paths=("rows.parquet",), schema=ROWS.schema, rows=(12,))


def only(files: ParquetFiles, *ids: str) -> ParquetFiles:
    return ParquetFiles(uri=files.uri, paths=files.paths, schema=files.schema, rows=files.rows, only=("id", ids))


def test_row_groups_without_the_values_are_passed_over(files: ParquetFiles) -> None:
    """They are not read, as one shows that cannot be."""
    file = Path(files.uri) / "rows.parquet"
    file.write_bytes(file.read_bytes()[:4] + bytes(60) + file.read_bytes()[64:])
    with pytest.raises(pl.exceptions.ComputeError):
        files.scan().collect()
    assert only(files, "b", "c").scan().collect().equals(ROWS[4:])


def test_slices_of_some_rows_have_each_of_them_once(files: ParquetFiles) -> None:
    """Though their number is not known, but that of all rows."""
    slices = _slices(only(files, "a", "c"), 3, 1, least=1)
    assert len(slices) == 4
    assert pl.concat([part.files.scan().slice(part.start, part.rows).collect() for part in slices]).equals(
        pl.concat([ROWS[:4], ROWS[8:]])
    )


def named(*rows: int, is_known: bool = True) -> ParquetFiles:
    """Files of which nothing but their names and their rows is asked."""
    paths = tuple(f"{number}.parquet" for number in range(len(rows)))
    return ParquetFiles(uri="nowhere", paths=paths, schema=ROWS.schema, rows=rows if is_known else ())


@given(rows=st.lists(st.integers(0, 9), max_size=12), most=st.integers(1, 20))
def test_parts_have_all_files_in_order_and_few_rows_each(rows: list[int], most: int) -> None:
    """And one file more would be too many."""
    files = named(*rows)
    parts = files.parts(most)
    assert tuple(path for part in parts for path in part.paths) == files.paths
    assert tuple(count for part in parts for count in part.rows) == files.rows
    assert all(sum(part.rows) <= most or len(part.paths) == 1 for part in parts)
    assert all(sum(part.rows) + after.rows[0] > most for part, after in pairwise(parts))


def test_a_file_of_which_no_rows_are_known_is_a_part() -> None:
    assert [part.paths for part in named(1, 1, is_known=False).parts(5)] == [("0.parquet",), ("1.parquet",)]
    assert [part.rows for part in named(1, 1, is_known=False).parts(5)] == [(), ()]


def test_blocks_of_many_files_are_read_from_few_at_a_time(files: ParquetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes later is not opened before what comes first is through."""
    opened: list[int] = []
    scan = ParquetFiles.scan

    def open_them(some: ParquetFiles) -> pl.LazyFrame:
        opened.append(len(some.paths))
        return scan(some)

    monkeypatch.setattr(ParquetFiles, "scan", open_them)
    blocks = blocks_of(replace(files, paths=files.paths * 3, rows=(12,) * 3), Bounds(block_rows=4))
    assert [next(blocks).taken().height for _ in range(2)] == [4, 4]
    assert opened == [1]
    assert sum(block.taken().height for block in blocks) == 28
    assert opened == [1, 1, 1]


@pytest.mark.parametrize(
    ("rows", "is_known", "bounds", "expected"),
    [
        (HALVED_ROWS, True, Bounds(), [(HALVED_ROWS // 2, True)] * 2),
        (HALVED_ROWS, False, Bounds(), [(HALVED_ROWS, True)]),
        (HALVED_ROWS - 1, True, Bounds(), [(HALVED_ROWS - 1, True)]),
        (HALVED_ROWS, True, Bounds(block_rows=HALVED_ROWS - 1), [(HALVED_ROWS - 1, False), (1, False)]),
        (HALVED_ROWS, True, Bounds(block_bytes=8_000), [(8_000, True), (8_000, True), (4_000, False)]),
    ],
    ids=["one block", "nobody knows", "few", "more than a block", "long lines"],
)
def test_what_would_be_one_block_is_two(
    tmp_path: Path, rows: int, is_known: bool, bounds: Bounds, expected: list[tuple[int, bool]]
) -> None:
    """What is made of no more than two stays in memory, however long the lines are."""
    lines = pl.DataFrame({"raw": ["x"] * rows})
    lines.write_parquet(tmp_path / "lines.parquet")
    files = ParquetFiles(
        uri=str(tmp_path), paths=("lines.parquet",), schema=lines.schema, rows=(rows,) if is_known else ()
    )
    assert [(block.taken().height, block.stays) for block in blocks_of(files, bounds)] == expected

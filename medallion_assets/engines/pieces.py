"""Pieces: cutting rows so that each piece is bounded by its rows and by its bytes.

Belongs here: where to cut, how long row groups are, and rows in a file of their own that is read in pieces.
Does not: how much is worked on at a time (an engine's bounds).

What is bounded by rows alone is not bounded: an item may have 400 KB, and a record of a change two images of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import polars as pl

from medallion_assets.storage.options import StorageOptions
from medallion_assets.storage.sizes import MEBIBYTE

LONG_ROW_BYTES = 1024
"""Rows of more text than this, on average, are written in row groups of few rows."""
GROUP = "_group"
"""The column with the number of a row's group."""
ROW_GROUP_BYTES = 8 * MEBIBYTE
"""What a row group of rows that are put aside holds in memory: readers hold some of them at a time."""


def pieces(texts: pl.Series, *, rows: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, height) of consecutive pieces of a column of text: at most `rows` high, and of at most `size` bytes.

    A text that is longer than `size` is a piece of its own.
    """
    ends = texts.str.len_bytes().fill_null(0).cast(pl.UInt64).cum_sum()
    start, before = 0, 0
    while start < texts.len():
        stop = int(ends.search_sorted(before + size, side="right"))
        height = max(1, min(stop - start, rows, texts.len() - start))
        yield start, height
        start += height
        before = int(ends[start - 1])


def of_group(key: Sequence[str], number: int, groups: int) -> pl.Expr:
    """Whether a row is in one of so many groups: all rows of a key are in the same."""
    return pl.struct(*key).hash() % groups == number if groups > 1 else pl.lit(value=True)


def in_order_of_group(rows: pl.LazyFrame, key: Sequence[str], groups: int) -> pl.DataFrame:
    """The rows, those of a group together, with its number beside them: `of_noted_group` finds them."""
    number = (pl.struct(*key).hash() % groups).alias(GROUP)
    return rows.with_columns(number).collect(engine="streaming").sort(GROUP)


def of_noted_group(rows: pl.LazyFrame, number: int) -> pl.LazyFrame:
    """Those of a group, as they were before its number was put beside them."""
    return rows.filter(pl.col(GROUP) == number).drop(GROUP)


def rows_of_bytes(texts: pl.Series, size: int, *, most: int = 65_536) -> int:
    """How many of these texts have about `size` bytes on average: at least 1, at most `most`."""
    length = int(texts.str.len_bytes().sum()) // max(1, texts.len())
    return max(1, min(most, size // max(1, length)))


def text_bytes(rows: pl.LazyFrame) -> int:
    """The bytes of all text in some rows, read once."""
    names = [name for name, kind in rows.collect_schema().items() if kind == pl.String]
    lengths = [pl.col(name).str.len_bytes().cast(pl.UInt64).sum() for name in names]
    return int(rows.select(pl.sum_horizontal(lengths)).collect(engine="streaming").item() or 0) if names else 0


def row_count(rows: pl.LazyFrame) -> int:
    """How many rows there are; of files alone their footers tell."""
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def row_group_rows(rows: int, size: int) -> int | None:
    """How many of some rows make a row group when their text has `size` bytes; None: as many as the writer likes."""
    length = size // max(1, rows)
    return None if length < LONG_ROW_BYTES else max(1, ROW_GROUP_BYTES // length)


def rows_of_group(row_bytes: int, group_bytes: int = ROW_GROUP_BYTES) -> int:
    """How many rows of so many bytes make a row group of those that are put aside."""
    return max(1, min(20_000, group_bytes // max(1, row_bytes)))


def compression_aside(url: str, row_bytes: int) -> Literal["lz4", "uncompressed"]:
    """Of rows that are put aside: short ones on a disk of this machine are written a fifth faster without any.

    Parquet makes them a third of their size in memory all the same, and lz4 a fifth. Text that is long has nothing else
    to make it small.
    """
    return "lz4" if "://" in url or row_bytes > LONG_ROW_BYTES else "uncompressed"


def spilled(
    rows: pl.DataFrame,
    path: str,
    options: StorageOptions,
    *,
    is_sorted: bool = False,
    group_bytes: int = ROW_GROUP_BYTES,
) -> pl.LazyFrame:
    """Rows in a file of their own, which is read piece by piece: its row groups are small, whatever the rows.

    Of rows that are sorted, a reader of some passes over the row groups of others. Columns that say one thing of all
    rows are not written: the plan says it.
    """
    row_bytes = int(rows.estimated_size()) // max(1, rows.height)
    height = rows_of_group(row_bytes, group_bytes)
    same = [column.name for column in rows if _says_one_thing(column)][: rows.width - 1]
    constants = [pl.lit(rows[name].first(), rows.schema[name]).alias(name) for name in same]
    written = rows.drop(same)
    written.write_parquet(
        path,
        compression=compression_aside(path, row_bytes),
        row_group_size=height,
        statistics=is_sorted,
        **options.of_polars(path),
    )
    spilled_rows = pl.scan_parquet(path, glob=False, hive_partitioning=False, **options.of_polars(path))
    return spilled_rows.with_columns(constants).select(rows.columns) if same else spilled_rows


def _says_one_thing(column: pl.Series) -> bool:
    if column.is_empty() or column.dtype.is_nested() or column.has_nulls():
        return False
    first = column.first()
    return first == column.last() and bool((column == first).all())

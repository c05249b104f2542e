"""Pieces: cutting rows so that each piece is bounded by its rows and by its bytes.

Belongs here: where to cut, how long row groups are, and rows that are put aside on disk to be read in pieces.
Does not: how much is worked on at a time (an engine's bounds).

What is bounded by rows alone is not bounded: an item may have 400 KB, and a record of a change two images of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

LONG_ROW_BYTES = 1024
"""Rows of more text than this, on average, are written in row groups of few rows."""
ROW_GROUP_BYTES = 8 * 1024 * 1024
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


def rows_of_bytes(texts: pl.Series, size: int, *, most: int = 65_536) -> int:
    """How many of these texts have about `size` bytes on average: at least 1, at most `most`."""
    length = int(texts.str.len_bytes().sum()) // max(1, texts.len())
    return max(1, min(most, size // max(1, length)))


def text_bytes(rows: pl.LazyFrame) -> int:
    """The bytes of all text in some rows, read once."""
    names = [name for name, kind in rows.collect_schema().items() if kind == pl.String]
    lengths = [pl.col(name).str.len_bytes().cast(pl.UInt64).sum() for name in names]
    return int(rows.select(pl.sum_horizontal(lengths)).collect(engine="streaming").item() or 0) if names else 0


def row_group_rows(rows: int, size: int) -> int | None:
    """How many of some rows make a row group when their text has `size` bytes; None: as many as the writer likes."""
    length = size // max(1, rows)
    return None if length < LONG_ROW_BYTES else max(1, ROW_GROUP_BYTES // length)


def spilled(rows: pl.DataFrame, path: Path) -> pl.LazyFrame:
    """Rows in a file of their own, which is read piece by piece: its row groups are small, whatever the rows."""
    length = rows.estimated_size() // max(1, rows.height)
    height = max(1, min(20_000, ROW_GROUP_BYTES // max(1, int(length))))
    rows.write_parquet(path, compression="lz4", row_group_size=height, statistics=False)
    return pl.scan_parquet(path, glob=False)


@dataclass(frozen=True)
class Aside:
    """Puts rows into files of a folder, under names that nobody else has; without a folder they stay in memory."""

    folder: Path | None

    def __call__(self, rows: pl.DataFrame) -> pl.LazyFrame:
        """The rows, lazily."""
        if self.folder is None:
            return rows.lazy()
        return spilled(rows, self.folder / f"aside-{uuid.uuid4().hex}.parquet")

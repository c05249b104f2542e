"""Extents: how many rows there are of each value of a column, and about how much memory these take.

Belongs here: measuring rows that are about to be cut by that column.
Does not: what is done with them, or how much of them is held at a time (an engine's bounds).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from polars.datatypes import DataTypeClass

WIDTH = 8
"""The bytes of a value of fixed width, of which many are narrower, and of a list beside those of its elements."""
GREAT_WIDTH = 16
"""The bytes of a decimal number, and of a text beside its own: one that is null has them too."""


@dataclass(frozen=True, slots=True)
class Extent:
    """So many rows, which have about so many bytes in memory."""

    rows: int = 0
    size: int = 0

    @property
    def row_bytes(self) -> int:
        """The bytes of a row, on average."""
        return self.size // max(1, self.rows)

    def of(self, rows: int) -> Extent:
        """Those of some of them, at most all."""
        rows = min(rows, self.rows)
        return Extent(rows, self.row_bytes * rows)


def total(extents: Iterable[Extent]) -> Extent:
    """All of them together."""
    every = list(extents)
    return Extent(sum(extent.rows for extent in every), sum(extent.size for extent in every))


def extents(rows: pl.LazyFrame, *, by: str) -> Mapping[Any, Extent]:
    """The extent of each value of a column, in one pass over some rows."""
    measured = rows.select(by, row_bytes(rows.collect_schema()).alias("_bytes"))
    sums = measured.group_by(by).agg(pl.len(), pl.col("_bytes").sum())
    return {value: Extent(*extent) for value, *extent in sums.collect(engine="streaming").iter_rows()}


def row_bytes(schema: pl.Schema) -> pl.Expr:
    """About how many bytes a row has in memory."""
    return pl.sum_horizontal(_bytes(pl.col(name), kind) for name, kind in schema.items()).cast(pl.UInt64)


def _bytes(value: pl.Expr, kind: pl.DataType | DataTypeClass) -> pl.Expr:
    if kind == pl.String:
        return value.str.len_bytes().fill_null(0) + GREAT_WIDTH
    if isinstance(kind, pl.List):
        return value.list.eval(_bytes(pl.element(), kind.inner)).list.sum().fill_null(0) + WIDTH
    return pl.lit(GREAT_WIDTH if kind.is_decimal() else WIDTH)

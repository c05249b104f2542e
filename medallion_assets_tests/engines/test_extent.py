"""Extents: rows and bytes of each value of a column."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl

from medallion_assets.engines.extent import Extent, extents, total

DAY, OTHER_DAY = date(2025, 3, 7), date(2025, 3, 8)


def test_rows_and_bytes_of_each_value() -> None:
    """Text counts with its own bytes and 16 more, whether it is there or not; so do the texts of a list."""
    rows = pl.LazyFrame(
        {
            "day": [DAY, DAY, OTHER_DAY, None],
            "text": ["x" * 100, None, "äö", None],
            "number": [1, None, 3, 4],
            "amount": [Decimal(1), None, Decimal(2), None],
            "tags": [["abc", "d"], None, [], [None]],
        },
        schema_overrides={"tags": pl.List(pl.String)},
    )
    row = 8 + 16 + 8 + 16 + 8
    assert extents(rows, by="day") == {
        DAY: Extent(2, 2 * row + 100 + 2 * 16 + 4),
        OTHER_DAY: Extent(1, row + 4),
        None: Extent(1, row + 16),
    }
    assert extents(rows.clear(), by="day") == {}


def test_the_extent_of_some_rows() -> None:
    parts = [Extent(10, 1_005).of(rows) for rows in (0, 3, 10, 20)]
    assert parts == [Extent(), Extent(3, 300), Extent(10, 1_000), Extent(10, 1_000)]
    assert total([Extent(1, 2), Extent(3, 4)]) == Extent(4, 6)
    assert total([]).row_bytes == 0

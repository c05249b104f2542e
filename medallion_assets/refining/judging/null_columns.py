"""Columns of which no record of a batch has a value, although the contract counts on one (rule C8).

Belongs here: which columns these may be, and counting their nulls.
Does not: what follows for the batch (gate.py).
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import narwhals as nw
import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, REASONS
from medallion_assets.contracts.expectations import UNREADABLE, Expectation
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema


def count_nulls(records: pl.DataFrame, table: Table) -> tuple[int, Counter[str]]:
    """How many of some judged records should have values, and in how many of them each such column has none.

    These are the upserts that could be taken apart. Whether a value is missing or cannot be read makes no difference.
    """
    is_read = ~pl.col(REASONS).list.eval(pl.element().is_in(UNREADABLE)).list.any()
    upserts = records.filter(~pl.col(IS_DELETE) & is_read)
    nulls = {name: upserts[name].null_count() for name in wanted_columns(table)}
    return upserts.height, Counter({name: count for name, count in nulls.items() if count})


@lru_cache(maxsize=64)
def wanted_columns(table: Table) -> tuple[str, ...]:
    """The columns that an item fills and that are required, or that an expectation says are not null."""
    filled = [column for column in table.decoded_columns if column.source is not None and column.missing is None]
    empty = pl.DataFrame({name: [None] for name in polars_schema(table)}, schema=polars_schema(table))
    expected = {name for expectation in table.expectations for name in _refuses_null(expectation, empty)}
    return tuple(column.name for column in filled if not column.nullable or column.name in expected)


def _refuses_null(expectation: Expectation, empty: pl.DataFrame) -> list[str]:
    """The one column of a condition that a row of nulls does not meet; none of other conditions."""
    names = empty.columns if expectation.column is None else [expectation.column]
    return [name for name in names if _is_refused(expectation, empty.select(name))]


def _is_refused(expectation: Expectation, row: pl.DataFrame) -> bool:
    """Whether a row of one null column does not meet a condition; a condition on other columns says nothing."""
    try:
        return nw.from_native(row).select(met=expectation.condition)["met"].to_list() == [False]
    except (nw.exceptions.ColumnNotFoundError, nw.exceptions.InvalidOperationError, pl.exceptions.PolarsError):
        return False

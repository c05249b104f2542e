"""Columns of which no record of a batch has a value, although the contract counts on one, or none can (rule C8).

Belongs here: which columns these may be, and counting their nulls.
Does not: what follows for the batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import narwhals as nw
import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, REASONS, UNKNOWN_ATTRIBUTES
from medallion_assets.contracts.expectations import UNREADABLE, Expectation
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema


class Nulls(NamedTuple):
    """How many of some judged records should have values, and in how many of them a column has none.

    `wanted` counts by column that the contract counts on; `unreachable` by optional column whose source is a path into
    an attribute, of the records that have this attribute.
    """

    upserts: int
    wanted: Counter[str]
    unreachable: Counter[str]


def count_nulls(records: pl.DataFrame, table: Table) -> Nulls:
    """Count in the upserts that could be taken apart: whether a value is missing or cannot be read is the same."""
    is_read = ~pl.col(REASONS).list.eval(pl.element().is_in(UNREADABLE)).list.any()
    upserts = records.filter(~pl.col(IS_DELETE) & is_read)
    wanted = {name: upserts[name].null_count() for name in wanted_columns(table)}
    unreachable = {
        name: upserts.filter(pl.col(name).is_null() & _has(attribute, table)).height
        for name, attribute in optional_paths(table).items()
    }
    return Nulls(upserts.height, _some(wanted), _some(unreachable))


@lru_cache(maxsize=64)
def wanted_columns(table: Table) -> tuple[str, ...]:
    """The columns that an item fills and that are required, or that an expectation says are not null."""
    filled = [column for column in table.decoded_columns if column.source is not None and column.missing is None]
    empty = pl.DataFrame({name: [None] for name in polars_schema(table)}, schema=polars_schema(table))
    expected = {name for expectation in table.expectations for name in _refuses_null(expectation, empty)}
    return tuple(column.name for column in filled if not column.nullable or column.name in expected)


@lru_cache(maxsize=64)
def optional_paths(table: Table) -> Mapping[str, str]:
    """By column that may be null, and whose source is a path: the attribute that it leads into."""
    may_be_null = (column for column in table.decoded_columns if column.missing is None)
    paths = {column.name: str(column.source or "").partition(".") for column in may_be_null}
    wanted = wanted_columns(table)
    return MappingProxyType(
        {name: outer for name, (outer, dot, _) in paths.items() if outer and dot and name not in wanted}
    )


def _has(attribute: str, table: Table) -> pl.Expr:
    """Whether a record has an attribute that the contract does not read; of one that it leaves out, it says so."""
    if attribute in table.left_out:
        return pl.lit(value=True)
    return pl.col(UNKNOWN_ATTRIBUTES).list.contains(attribute)


def _some(counts: Mapping[str, int]) -> Counter[str]:
    return Counter({name: count for name, count in counts.items() if count})


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

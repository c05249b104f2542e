"""Columns that no record fills, and what their contract should name instead.

Belongs here: telling from the attributes that were not read which one a column's source means.
Does not: columns whose batches the gate holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from medallion_assets.contracts.table import Column, Table, nearest
from medallion_assets.refining.judging.gate import LEAST_UPSERTS, Counts

NAMED = 3
"""So many attributes are named where none is like the source."""


def misnamed_columns(table: Table, counted: Counts) -> dict[str, str]:
    """What to do about each column without a value whose source means an attribute by another name.

    Of fewer than three records nobody can tell.
    """
    if counted.upserts < LEAST_UPSERTS:
        return {}
    empty = [column for column in table.decoded_columns if column.name not in counted.filled]
    return meant_attributes(table, empty, counted.unknown_attributes)


def meant_attributes(table: Table, empty: Iterable[Column], unread: Collection[str]) -> dict[str, str]:
    """What to do, by name, about each of the `empty` columns whose source means an attribute that is not read.

    `unread` are attributes that items have and the contract lacks. A column that is only rare means none of them.
    """
    sourced = [column for column in empty if column.source]
    found = {column.name: _nested(column, [*unread, *table.left_out]) or _alike(column, unread) for column in sourced}
    return {name: do for name, do in found.items() if do}


def advice(column: Column, unread: Mapping[str, int]) -> str:
    """What to do about a column that nothing fills. `unread` counts by attribute the items that have it."""
    attributes = ", ".join(sorted(unread, key=lambda name: -unread[name])[:NAMED]) or "none"
    otherwise = f"name an attribute that items have; not read so far: {attributes}"
    return _nested(column, unread) or _alike(column, unread) or otherwise


def _nested(column: Column, attributes: Collection[str]) -> str:
    """Empty where the source is no path into an attribute."""
    source = str(column.source)
    outer = source.partition(".")[0]
    if outer == source or outer not in attributes:
        return ""
    return f"{outer} exists as an attribute, but values nested in a map cannot be read; leave {column.name} out"


def _alike(column: Column, attributes: Collection[str]) -> str:
    """Empty where no attribute has a name like the source."""
    return nearest(str(column.source), attributes, otherwise="")

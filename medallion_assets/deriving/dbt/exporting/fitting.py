"""Fitting: a model in the DuckDB file of a run holds what its contract allows, before anything of it is written.

Belongs here: the questions that say so, asked of the whole model in SQL, and the error that names what does not fit.
Does not: reading its rows, or what a project's own tests ask.

A cast alone would round, cut and shift silently: 1.6 becomes 2, and a moment its day. Which values of another type may
be published is the same rule as for transforms (G6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from medallion_assets.contracts.exactness import Passing, ValueKind, passing
from medallion_assets.contracts.table import Column, Table
from medallion_assets.delta.duckdb.views import duckdb_type, quoted
from medallion_assets.deriving.dbt.warehouses.in_duckdb import IN_DUCKDB
from medallion_assets.errors import MedallionError, PermanentError
from medallion_assets.errors.long_texts import first_line

SAME = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
"""Types that DuckDB describes by another name."""
KINDS = (
    (re.compile(r".*\[\d*\]", re.DOTALL), ValueKind.LIST),
    (re.compile(r"DOUBLE|FLOAT"), ValueKind.FLOAT),
    (re.compile(r"BOOLEAN|DECIMAL.*|U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?"), ValueKind.NUMBER),
    (re.compile(r"DATE|TIMESTAMP.*"), ValueKind.TIME),
    (re.compile(r".*", re.DOTALL), ValueKind.TEXT),
)
"""What DuckDB's types are about; of those that are left, such as UUID and ENUM, each value is its text."""


def relation(table: Table) -> str:
    """The model's name in SQL."""
    return f"{quoted(table.layer)}.{quoted(table.short_name)}"


def cast(column: Column) -> str:
    """The column in SQL, in the type of its contract."""
    return f"cast({quoted(column.name)} as {duckdb_type(column.type)})"


def expect_fits(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Refuse a model that its contract does not allow.

    Raises:
        PermanentError: it lacks a column, has no value where one is required or one that its type cannot hold exactly,
            or has a key twice.
        OutOfMemoryError, DiskFullError: DuckDB had no room to find out.
    """
    try:
        faults = list(_faults(connection, table))
        asked = [part for fault in faults for part in fault.selected]
        found = connection.execute(f"select {', '.join(asked)} from {relation(table)}").fetchone() if asked else ()
        key = ", ".join(map(quoted, table.key))
        doubled = f"select {key}, count(*) from {relation(table)} group by {key} having count(*) > 1 limit 1"
        twice = connection.execute(doubled).fetchone()
    except duckdb.Error as error:
        raise refused(table, error) from error
    for fault, count, example in zip(faults, (found or ())[::2], (found or ())[1::2], strict=True):
        if count:
            raise _refused(table, fault.expected, f"{count:,} rows: {fault.found}, such as {example}")
    if twice is not None:
        named = ", ".join(f"{name} = {value}" for name, value in zip(table.key, twice, strict=False))
        raise _refused(table, f"one row for each {', '.join(table.key)}", f"{twice[-1]:,} rows with {named}")


def refused(table: Table, error: duckdb.Error) -> MedallionError:
    """The error for a model that DuckDB could not read by its contract."""
    expected = f"columns {', '.join(table.column_names)}, with values that their types can hold"
    return IN_DUCKDB.no_room_error(f"the dbt model {table.short_name} cannot be read", str(error)) or _refused(
        table, expected, first_line(error)
    )


def _refused(table: Table, expected: str, found: str) -> PermanentError:
    return PermanentError(
        f"the dbt model {table.short_name} does not fit the contract of {table.name}",
        expected=expected,
        found=found,
        do="correct the model or the contract; nothing was published",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """A condition that no row may meet, and what is shown of a row that does."""

    condition: str
    example: str
    expected: str
    found: str

    @property
    def selected(self) -> tuple[str, str]:
        where = f"filter (where {self.condition})"
        return f"count(*) {where}", f"any_value(cast({self.example} as varchar)) {where}"


def _faults(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[_Fault]:
    described = connection.execute(f"describe {relation(table)}").fetchall()
    types = {name.lower(): kind for name, kind, *_ in described}
    key = f"{{{', '.join(f'{quoted(name)}: {quoted(name)}' for name in table.key)}}}"
    for column in table.columns:
        name, given, wanted = quoted(column.name), types.get(column.name.lower()), duckdb_type(column.type)
        if not column.nullable:
            said = f"a value in {column.name}"
            yield _Fault(condition=f"{name} is null", example=key, expected=said, found=f"no {column.name}")
        if given is not None and given != SAME.get(wanted, wanted):
            yield _Fault(
                condition=_changed(column, given),
                example=name,
                expected=f"values of {column.name} that {wanted} holds as they are",
                found=f"{column.name} ({given}) would be another value",
            )


def _changed(column: Column, given: str) -> str:
    name = quoted(column.name)
    kind = next(kind for types, kind in KINDS if types.fullmatch(given))
    match passing(kind, column.type):
        case Passing.NONE:
            return f"{name} is not null"
        case Passing.HELD:
            return f"{name} is not null and try_{cast(column)} is null"
        case Passing.EXACT:
            return f"try_cast({cast(column)} as {given}) is distinct from {name}"

"""Row tables: one row type gives a small table its contract, its writer and its reader.

Belongs here: the contract that follows from a dataclass, its rows as frames and back, and one commit for few rows.
Does not: which rows there are (each table's module), or data, which is written as frames.

A field is a column: `Annotated[type, "description"]`, with a contract type in between where the Python type leaves open
which. A field that may be None is a nullable column. The partition, if there is one, is the UTC day of a field.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import polars as pl
import tenacity

from medallion_assets.contracts.table import Boolean, Column, Date, Float, Integer, Table, Text, TimestampUtc, Type
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import CommitConflictError

Row = TypeVar("Row")
COLUMN_TYPES: dict[type, Type] = {
    bool: Boolean(),
    int: Integer(),
    float: Float(),
    str: Text(),
    date: Date(),
    datetime: TimestampUtc(),
}
FILES_A_DAY = 50
"""An append that finds this many files in its day writes them, with its own rows, as one."""
ATTEMPTS = 30
"""Many small writers at once: who lost waits a little, at random, so that all come through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTable(Table, Generic[Row]):
    """A table of `row`s, frozen dataclasses. `partition_by` is the UTC day of the field that `day_of` names."""

    row: type[Row]
    day_of: str | None = None


def row_table(
    row: type[Row],
    *,
    name: str,
    description: str,
    key: tuple[str, ...] = (),
    partition_by: str | None = None,
    day_of: str | None = None,
) -> RowTable[Row]:
    """The table that holds `row`s: its columns are their fields, and the partition comes last."""
    columns = [_column(name, hint) for name, hint in get_type_hints(row, include_extras=True).items()]
    if partition_by is not None:
        columns.append(Column(partition_by, Date(), f"UTC day of {day_of}"))
    return RowTable(
        name=name,
        description=description,
        columns=tuple(columns),
        key=key,
        partition_by=partition_by,
        begins_empty=True,
        row=row,
        day_of=day_of,
    )


def frame_of(table: RowTable[Row], rows: Iterable[Row]) -> pl.DataFrame:
    """Rows as a frame with the table's columns."""
    return pl.DataFrame([_values(table, row) for row in rows], schema=polars_schema(table), orient="row")


def rows_of(table: RowTable[Row], frame: pl.DataFrame) -> list[Row]:
    """The rows of a frame with the table's columns, in its order.

    A row with a word that its field does not know is left out: it is of a later release, or of another writer.
    """
    words = {name: kind for name, kind in get_type_hints(table.row).items() if _is_words(kind)}
    known = frame.filter(*(pl.col(name).is_in(list(kind)) for name, kind in words.items()))
    given = [field.name for field in fields(table.row) if field.init]  # type: ignore[arg-type]
    return [
        table.row(**{name: words[name](row[name]) if name in words else row[name] for name in given})
        for row in known.iter_rows(named=True)
    ]


def scan_rows(lakehouse: Lakehouse, table: Table, *, since: date | None = None) -> pl.LazyFrame:
    """The rows of the days from `since` (UTC) on, or all of them, as a frame; none where the table is not made yet."""
    snapshot = lakehouse.find(table)
    if snapshot is None:
        return pl.LazyFrame(schema=polars_schema(table))
    if since is None:
        return snapshot.scan()
    return snapshot.scan(partitions=[day for day in snapshot.days if day >= since])


def read_rows(lakehouse: Lakehouse, table: RowTable[Row], *where: pl.Expr, since: date | None = None) -> list[Row]:
    """The rows for which all of `where` is so, in no order; those of the days from `since` (UTC) on, or all."""
    return rows_of(table, scan_rows(lakehouse, table, since=since).filter(*where).collect())


def append_rows(
    lakehouse: Lakehouse,
    table: RowTable[Row],
    rows: Iterable[Row],
    *,
    if_unknown: bool = False,
    attempts: int = ATTEMPTS,
) -> list[Row]:
    """Append rows, one commit for each day of them, and give those; none is lost to another writer.

    With `if_unknown` a row whose key the table holds is left out: on its day, the day before or the day after.

    Raises:
        CommitConflictError: other writers were faster, at every one of so many attempts.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(CommitConflictError),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random(0.0, 0.1),
        reraise=True,
    )
    days = _by_day(table, rows)
    return [row for day, given in days for row in retrying(_append, lakehouse, table, given, day, if_unknown)]


def commit_rows(snapshot: Snapshot, table: RowTable[Row], rows: Sequence[Row], *, instead: bool = False) -> int:
    """Commit rows of one day as the next version of a snapshot of the table, and give its number.

    Few small files are left: those of the day become one with it when they are many. `instead` makes the rows all that
    the table holds.

    Raises:
        CommitConflictError: the table has moved on since this snapshot; read again and decide again.
    """
    day = _day(table, rows[0]) if rows else None
    in_day = snapshot.files if table.partition_by is None or instead else snapshot.partition_files([day])
    held = in_day["path"].to_list() if in_day.height else []
    replaced = held if instead or len(held) >= FILES_A_DAY else []
    new = frame_of(table, rows).lazy()
    parts = [snapshot.scan(paths=replaced), new] if replaced and not instead else [new]
    return snapshot.commit([snapshot.folder.write(pl.concat(parts), partition=day)], remove=replaced)


def _append(
    lakehouse: Lakehouse, table: RowTable[Row], rows: Sequence[Row], day: date | None, if_unknown: bool
) -> Sequence[Row]:
    snapshot = lakehouse.ready(table)
    known = _keys_around(snapshot, day) if if_unknown else set()
    fresh = [row for row in rows if _key(table, row) not in known] if known else rows
    if fresh:
        commit_rows(snapshot, table, fresh)
    return fresh


def _keys_around(snapshot: Snapshot, day: date | None) -> set[tuple[Any, ...]]:
    days = None if day is None else [day + timedelta(days=number) for number in (-1, 0, 1)]
    return set(snapshot.scan(partitions=days).select(snapshot.table.key).collect().rows())


def _by_day(table: RowTable[Row], rows: Iterable[Row]) -> Iterator[tuple[date | None, list[Row]]]:
    def order(row: Row) -> date:
        return _day(table, row) or date.min

    for _, given in groupby(sorted(rows, key=order), key=order):
        same_day = list(given)
        yield _day(table, same_day[0]), same_day


def _day(table: RowTable[Row], row: Row) -> date | None:
    if table.day_of is None:
        return None
    moment: datetime = getattr(row, table.day_of)
    return moment.date()


def _key(table: RowTable[Row], row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in table.key)


def _values(table: RowTable[Row], row: Row) -> dict[str, Any]:
    return {
        name: _day(table, row) if name == table.partition_by else _storable(getattr(row, name))
        for name in table.column_names
    }


def _storable(value: Any) -> Any:
    """Text as UTF-8 can have it: an error of a user's code may name a file whose name is none (a lone surrogate)."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _column(name: str, hint: Any) -> Column:
    """The column of a field, by its annotation."""
    kind, *said = get_args(hint)
    description = said.pop()
    is_optional = get_origin(kind) is types.UnionType
    (plain,) = [each for each in get_args(kind) if each is not types.NoneType] if is_optional else [kind]
    stored = said[0] if said else Text() if _is_words(plain) else COLUMN_TYPES[plain]
    return Column(name, stored, description, nullable=is_optional)


def _is_words(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)

"""Judged contracts: whether the batches of a table can be judged and published by a contract.

Belongs here: what every such contract has to have, refused where it is written and not in its first run.
Does not: what is wrong in any table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

import narwhals as nw
import polars as pl

from medallion_assets.contracts.expectations import Expectation
from medallion_assets.contracts.table import HISTORY_COLUMNS, STAGE_COLUMNS, Column, Date, Table, TimestampUtc, nearest
from medallion_assets.delta.schema import polars_type
from medallion_assets.errors.long_texts import first_line
from medallion_assets.refining.judging.gate import MASS_DELETE

PARTITION_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""The name of a partition is part of the path of its files."""
NO_DAY = (
    "read a Date from a text YYYY-MM-DD, or take the business_date_of a TimestampUtc, which is read from ISO 8601 "
    "text; numbers of seconds since 1970 and binary values cannot be read yet. A table without such a day needs "
    "history=True and no partition_by"
)


def checked(table: Table) -> Table:
    """The contract itself, if the batches of a table can be judged and published by it.

    Raises:
        PermanentError: with the table, what is missing, and what to add.
    """
    if bool(table.key) == table.is_replaced or not (table.history or table.partition_by):
        raise table.wrong(
            "a key, and partition_by or history",
            f"key={table.key}, partition_by={table.partition_by}",
            do="name the key; partition by a Date column; a table that has no day in ISO 8601 (YYYY-MM-DD, or a moment "
            "with a zone) needs history=True; one whose batches each replace a month has no key, and is partitioned by "
            "a column of_batch",
        )
    for name in table.key:
        if (column := table.column(name)).source is None or column.nullable:
            raise table.wrong("a key of columns that have a source and are not nullable", repr(column))
    if table.partition_by and table.history:
        raise table.wrong("partition_by or history, not both", f"partition_by={table.partition_by}, history=True")
    if table.partition_by:
        _expect_partition(table, table.column(table.partition_by))
    added = (*STAGE_COLUMNS, *(HISTORY_COLUMNS if table.history else ()))
    filled = {*added, *table.row_id, *(column.name for column in table.decoded_columns)}
    if empty := [name for name in table.column_names if name not in filled]:
        raise table.wrong("a source or business_date_of for every column of its own", f"none for {', '.join(empty)}")
    names = Counter([MASS_DELETE, *(expectation.name for expectation in table.expectations)])
    if odd := sorted(name for name, times in names.items() if times > 1 or not re.fullmatch(r"\w+", name)):
        raise table.wrong(
            f"expectations of different names, none {MASS_DELETE}, of letters, digits and _", ", ".join(map(repr, odd))
        )
    kinds = {column.name: polars_type(column.type) for column in table.decoded_columns}
    for expectation in table.expectations:
        if expectation.column is not None and expectation.column not in kinds:
            do = nearest(expectation.column, kinds, otherwise=f"name one of these in {expectation.name}")
            raise table.wrong(_expected(expectation, kinds), f"column {expectation.column!r}", do=do)
    return table


def expect_conditions(table: Table) -> None:
    """See that each condition can be asked of the columns that are read, and says yes or no of each record.

    It asks Polars, whose threads then stay, so no run could be forked from a process that did. Commands of `dagster`
    and code servers that load the definitions ask it, `medallion validate` and `dev`, the health of the settings, and
    loading and judging, before they make a table.

    Raises:
        PermanentError: with the table, the condition, and what is wrong with it.
    """
    for expectation in table.expectations:
        _expect_condition(table, expectation)


def _expected(expectation: Expectation, kinds: Collection[str]) -> str:
    return f"expectation {expectation.name}: a condition on columns that are read: {', '.join(kinds)}"


def _expect_condition(table: Table, expectation: Expectation) -> None:
    kinds = {column.name: polars_type(column.type) for column in table.decoded_columns}
    expected = _expected(expectation, kinds)
    try:
        nothing = nw.from_native(pl.DataFrame(schema=kinds).lazy())
        answer = nothing.select(expectation.condition.alias("is_met")).collect()["is_met"]
    except Exception as error:  # whatever a condition of somebody's raises
        do = nearest(_unknown_column(error), kinds, otherwise=f"correct the condition of {expectation.name}")
        raise table.wrong(expected, f"{type(error).__name__}: {first_line(error)}", do=do) from error
    if answer.dtype != nw.Boolean:
        do = f"compare something in {expectation.name}, such as nw.col(...) > 0"
        raise table.wrong(expected, f"it gives {answer.dtype}, not yes or no", do=do)


def _unknown_column(error: Exception) -> str:
    """The name of a column that there is not; empty where that is not what is wrong: other errors name columns too."""
    if not isinstance(error, nw.exceptions.ColumnNotFoundError):
        return ""
    unknown = re.search(r"'([^']+)'|\"([^\"]+)\"", str(error))
    return next(filter(None, unknown.groups()), "") if unknown else ""


def _expect_partition(table: Table, column: Column) -> None:
    if column.name in table.key:
        raise table.wrong(
            "a key without the column that partitions: a tombstone has its key, and no partition",
            f"{column.name} in key={table.key}",
            do="give the key a Text column of the same source, and partition by a Date column of it",
        )
    if column.nullable:
        raise table.wrong(f"{column.name} not nullable: rows without it are tombstones", "nullable=True")
    if not isinstance(column.type, Date) or column not in table.decoded_columns:
        found = f"{column.name}: {type(column.type).__name__}"
        raise table.wrong("partition_by a Date that is read from the item", found, do=_day_of(table, column) or NO_DAY)
    if not PARTITION_NAME.fullmatch(column.name):
        raise table.wrong("a partition named with letters, digits, _ . and - alone", repr(column.name))


def _day_of(table: Table, moment: Column) -> str | None:
    """How a table is partitioned by the day of a moment; None where the column is none."""
    if not isinstance(moment.type, TimestampUtc):
        return None
    days = [column.name for column in table.columns if column.business_date_of == moment.name]
    if days:
        return f"partition by {days[0]}, the business day of {moment.name}"
    name = f"{moment.name.removesuffix('_at')}_date"
    return f'add Column("{name}", Date(), "its day", business_date_of="{moment.name}"), and partition by it'

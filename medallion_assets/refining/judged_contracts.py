"""Judged contracts: whether the batches of a table can be judged and published by a contract.

Belongs here: what every such contract has to have, refused where it is written and not in its first run.
Does not: what is wrong in any table (contracts.table.Table).
"""

from __future__ import annotations

import re
from collections import Counter

from medallion_assets.contracts.table import HISTORY_COLUMNS, STAGE_COLUMNS, Column, Date, Table
from medallion_assets.refining.gate import MASS_DELETE

PARTITION_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
"""The name of a partition is part of the path of its files."""


def judged(table: Table) -> Table:
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
    return table


def _expect_partition(table: Table, column: Column) -> None:
    if column.nullable:
        raise table.wrong(f"{column.name} not nullable: rows without it are tombstones", "nullable=True")
    if not isinstance(column.type, Date) or column not in table.decoded_columns:
        raise table.wrong(
            "partition_by a Date that is read from the item",
            repr(column),
            do="read a Date from a text YYYY-MM-DD, or take the business_date_of a TimestampUtc, which is read from a "
            "text in ISO 8601; numbers of seconds since 1970 and binary values cannot be read yet. A table without "
            "such a day needs history=True and no partition_by",
        )
    if not PARTITION_NAME.fullmatch(column.name):
        raise table.wrong("a partition named with letters, digits, _ . and - alone", repr(column.name))

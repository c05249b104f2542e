"""Every record of one key: found in Bronze's raw lines, however they spell it, in bounded memory.

Belongs here: reading a key that a person typed, and looking for it.
Does not: what became of the records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import polars as pl

from medallion_assets.contracts.beside import bronze_name
from medallion_assets.contracts.columns import IS_DELETED, RAW
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import Source
from medallion_assets.contracts.table import Table, Text
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.engine import PutAside
from medallion_assets.errors import PermanentError
from medallion_assets.refining.judging.judging import judge_lines

Key = tuple[Any, ...]

SHOWN = 3
"""So many keys are shown to somebody who asked for one that nobody has."""


def parse_key(table: Table, text: str) -> Key:
    """The key's values as the contract types them: one column takes the whole text, several are joined by commas.

    Raises:
        PermanentError: the table has no key; not as many values as the key has columns, or a value that is not of its
            column's type.
    """
    if not table.key:
        raise PermanentError(
            f"the rows of {table.name} have no key",
            expected="a table with a key, whose records are told together",
            found=f"one whose rows are told apart by {' and '.join(table.row_id)}",
            do="look at Silver or quarantine by these (`medallion sql`), and at the line in "
            f"{bronze_name(table.short_name)}",
        )
    parts = [text] if len(table.key) == 1 else text.split(",")
    if len(parts) != len(table.key):
        raise PermanentError(
            f"this is not a key of {table.name}",
            expected=f"{len(table.key)} values joined by commas: {', '.join(table.key)}",
            found=repr(text),
            do="give every column of the key",
        )
    return tuple(_typed(table, name, part) for name, part in zip(table.key, parts, strict=True))


def records_of_key(
    bronze: Snapshot, loaded: Loaded, key: Key, *, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> pl.DataFrame:
    """The judged records (`judging.judge_lines`) of a key, in every batch that Bronze holds.

    With them come lines whose key cannot be read but which mention it: `_key_is_read` is false there. `progress` is
    called with how many of Bronze's lines were looked through, of how many.
    """
    done, found = 0, []
    search = partial(_records_in, loaded=loaded, key=key)
    for looked_through, records in bronze.lakehouse.engine.map_blocks(search, bronze.part()):
        done += looked_through
        found.append(records)
        progress(done, bronze.row_count)
    return pl.concat(found)


def _records_in(every: pl.DataFrame, _: PutAside, *, loaded: Loaded, key: Key) -> tuple[int, pl.DataFrame]:
    """How many lines there are, and the records of the key among them."""
    table = loaded.table
    lines = every.filter(_may_be(loaded, key))
    is_key = pl.all_horizontal(pl.col(name) == value for name, value in zip(table.key, key, strict=True))
    is_read = pl.all_horizontal(pl.col(name).is_not_null() for name in table.key)
    records = judge_lines(lines, loaded).with_columns(is_read.alias("_key_is_read"))
    return every.height, records.filter(is_key | (~is_read & _mentions(loaded.source, key)))


def key_rows(rows: pl.LazyFrame, names: Sequence[str], key: Key) -> pl.DataFrame:
    """The rows of a table whose key columns have these values."""
    return rows.filter(pl.col(name) == value for name, value in zip(names, key, strict=True)).collect(
        engine="streaming"
    )


def some_keys(rows: pl.LazyFrame, names: Sequence[str]) -> list[str]:
    """The least keys that a table holds, each as `parse_key` takes it: they show how keys are spelled."""
    held = rows.filter(~pl.col(IS_DELETED)).select(names).unique()
    few = held.bottom_k(SHOWN, by=names).collect(engine="streaming").sort(names)
    return [",".join(map(str, key)) for key in few.iter_rows()]


def _may_be(loaded: Loaded, key: Key) -> pl.Expr:
    """Lines worth decoding: a text is spelled in one way unless characters are escaped; a number has many (rule T2)."""
    table = loaded.table
    exact = [
        value
        for name, value in zip(table.key, key, strict=True)
        if isinstance(kind := table.column(name).type, Text) and kind.case is None and not kind.trim
    ]
    return _mentions(loaded.source, exact) | pl.col(RAW).str.contains("\\", literal=True)


def _mentions(source: Source, values: Sequence[Any]) -> pl.Expr:
    """Lines that hold every value as its source usually spells it."""
    spelled = [source.spelled(str(value)) for value in values]
    return pl.all_horizontal(pl.lit(value=True), *(pl.col(RAW).str.contains(text, literal=True) for text in spelled))


def _typed(table: Table, name: str, text: str) -> Any:
    kind = polars_schema(table)[name]
    try:
        return pl.Series([text]).cast(kind)[0]
    except pl.exceptions.PolarsError:
        raise PermanentError(
            f"this is not a key of {table.name}",
            expected=f"{name} of type {kind}",
            found=repr(text),
            do="write the value as Silver shows it",
        ) from None

"""Unfit columns: those that no record of a sample fills, or fills with what the contract can read.

Belongs here: what of a sample shows that no record can be good, or that a source is misspelled.
Does not: the sample, or single records that are bad.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import polars as pl

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.columns import (
    EXPORT_TYPE,
    IS_DELETE,
    RAW,
    REASON_COLUMNS,
    REASONS,
    SOURCE_FILE,
    UNKNOWN_ATTRIBUTES,
    VERDICT,
)
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import MISSING, WRONG_TYPE, wrong
from medallion_assets.contracts.table import Boolean, Column, Decimal, Table, Text, Type
from medallion_assets.errors.long_texts import cut
from medallion_assets.operations.sections import format_counts
from medallion_assets.refining.judging.unfilled_columns import advice, meant_attributes
from medallion_assets.refining.refined import HINT_ROWS
from medallion_assets.refining.typing.decode import decode

TELLING_RECORDS = 100
"""So many records without a value of an optional column tell that its source is wrong; in fewer it may be rare."""
KINDS: dict[str, Type] = {"texts": Text(), "numbers": Decimal(), "Booleans": Boolean()}
"""What values may be, by a type that reads them."""
EXAMPLE_CHARACTERS = 60


@dataclass(frozen=True, kw_only=True)
class Unfit:
    """A column, and what to do about it; `records` are those that tell."""

    table: str
    column: str
    source: str
    do: str
    records: int


@dataclass(frozen=True, kw_only=True)
class Unfilled(Unfit):
    """A column that none of the records fills: of all that were looked at, or `of_changes` alone.

    `is_sure`: it is not only rare. Of few records nobody can tell of an optional column, unless an attribute is named
    much like its source.
    """

    of_changes: bool = False
    is_sure: bool = True


@dataclass(frozen=True, kw_only=True)
class Misread(Unfit):
    """A column whose value is bad in each of the records, all that have one; `found` says why, and what it is.

    One record in a hundred has a value at least: of rarer ones the gate says how many are bad.
    """

    found: str


def unfit_columns(loaded: Loaded, lines: pl.DataFrame) -> Iterator[Unfilled | Misread]:
    """Those of a table, by `lines` of its batches (`sampled_records.COLUMNS`)."""
    table, source = loaded.table, loaded.source
    judged = decode(lines, table, source).select(REASONS, REASON_COLUMNS)
    carried = lines.select(RAW, SOURCE_FILE, EXPORT_TYPE)
    records = source.reader(table).read(lines).with_columns(*judged, *carried).filter(pl.col(VERDICT).is_null())
    items = records.filter(~pl.col(IS_DELETE))
    changes = records.filter(pl.col(EXPORT_TYPE) == str(BatchKind.CHANGES))
    unread = Counter(items[UNKNOWN_ATTRIBUTES].explode().drop_nulls())
    for column in table.columns:
        if column.source is None:
            continue
        unfilled = partial(Unfilled, table=table.name, column=column.name, source=column.source)
        is_there = pl.col(column.name).is_not_null() | pl.col(wrong(column.name))
        having = items.filter(is_there)
        if column.name in table.key and changes.height and changes.filter(is_there).is_empty():
            do = _hint(loaded, changes, column) or advice(column, unread)
            yield unfilled(do=do, records=changes.height, of_changes=True)
        elif items.height and having.is_empty():
            is_required = not column.nullable and column.missing is None
            is_sure = is_required or items.height >= TELLING_RECORDS or bool(meant_attributes(table, [column], unread))
            yield unfilled(do=advice(column, unread), records=items.height, is_sure=is_sure)
        elif (
            having.height * TELLING_RECORDS >= items.height > 0
            and having[REASON_COLUMNS].list.contains(column.name).all()
        ):
            yield Misread(
                table=table.name,
                column=column.name,
                source=column.source,
                records=having.height,
                found=_found(loaded, having, column),
                do=_hint(loaded, having, column) or _remedy(having, column),
            )


def _faults(records: pl.DataFrame, column: Column) -> pl.DataFrame:
    """The reasons of one column, one row each (`raw`, `_reasons`, `_reason_columns`)."""
    every = records.select(RAW, REASONS, REASON_COLUMNS).explode(REASONS, REASON_COLUMNS)
    return every.filter(pl.col(REASON_COLUMNS) == column.name)


def _hint(loaded: Loaded, records: pl.DataFrame, column: Column) -> str:
    """What the source says of the column's faults; empty where it says nothing."""
    some = _faults(records, column).head(HINT_ROWS)
    alone = some.with_columns(pl.concat_list(REASONS), pl.concat_list(REASON_COLUMNS))
    return "; ".join(loaded.source.hints(alone, loaded.table))


def _remedy(having: pl.DataFrame, column: Column) -> str:
    if set(_faults(having, column)[REASONS]) == {MISSING}:
        return f"declare {column.name} nullable=True, or the text that stands for a missing one: missing=..."
    return f"declare {column.name} with a type that reads its values, or leave it out"


def _found(loaded: Loaded, having: pl.DataFrame, column: Column) -> str:
    reasons = Counter(_faults(having, column)[REASONS])
    said = format_counts(reasons)
    if WRONG_TYPE in reasons:
        return f"{said} ({_kind(loaded, having.filter(pl.col(wrong(column.name))), column)})"
    return f"{said} (such as {cut(having[column.name].drop_nulls()[0], EXAMPLE_CHARACTERS)!r})"


def _kind(loaded: Loaded, lines: pl.DataFrame, column: Column) -> str:
    """What the values of some records are."""
    for word, kind in KINDS.items():
        probe = Table(
            name=loaded.table.name,
            description="",
            columns=(Column(column.name, kind, "", source=column.source, nullable=True),),
        )
        if loaded.source.reader(probe).read(lines.select(RAW, SOURCE_FILE, EXPORT_TYPE))[column.name].count():
            return word
    return "lists, maps, sets or binary values"

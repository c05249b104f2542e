"""From an attribute's text to a column's value, or to the reason why not (rules T1 to T5).

Belongs here: for each type of the contract, its typed value and its reason; missing and wrong_type; trimming and case.
Does not: the grammars, collecting reasons.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, VERDICT
from medallion_assets.contracts.source import MISSING, WRONG_TYPE, wrong
from medallion_assets.contracts.table import (
    Boolean,
    Column,
    Date,
    Decimal,
    Integer,
    SqlTimestampUtc,
    Text,
    TimestampUtc,
)
from medallion_assets.contracts.texts import BEYOND_ASCII, any_has, truths
from medallion_assets.refining.typing.numbers import number_reasons, numbers
from medallion_assets.refining.typing.timestamps import (
    date_reasons,
    dates,
    sql_timestamp_reasons,
    sql_timestamps,
    timestamp_reasons,
    timestamps,
)

NOT_A_BOOLEAN = "not_a_boolean"
ASCII_WHITESPACE = " \t\n\r\x0b\x0c"

_TO_CHANGE = {
    None: ASCII_WHITESPACE.encode(),
    "upper": f"{ASCII_WHITESPACE}{ascii_lowercase}".encode() + BEYOND_ASCII,
    "lower": f"{ASCII_WHITESPACE}{ascii_uppercase}".encode() + BEYOND_ASCII,
}
"""By the case of a text: what is in all that are changed by trimming or by the case, and perhaps in others."""

NOT_AFTER = "_not_after"
"""The last moment that a timestamp may name (rule T1)."""


def typed(frame: pl.DataFrame, column: Column) -> pl.Series:
    """The column in the contract's type, null where there is a reason; `frame` is what a LineReader gives."""
    text = frame[column.name]
    match column.type:
        case Text() as kind:
            return _with_stand_in(_texts(text, kind), frame, column)
        case Integer() | Decimal() as kind:
            return numbers(text, kind)
        case SqlTimestampUtc():
            return sql_timestamps(text, not_after=frame[NOT_AFTER])
        case TimestampUtc():
            return timestamps(text, not_after=frame[NOT_AFTER])
        case Date():
            return dates(text)
        case Boolean():
            return truths(text)
        case _:
            raise TypeError(f"no item holds a {column.type}, yet column {column.name} has a source")


def suspect(column: Column, value: pl.Expr) -> pl.Expr:
    """True where the column may have a reason, and surely where it has one: rows worth asking `reasons` about."""
    text, is_wrong = pl.col(column.name), pl.col(wrong(column.name))
    return value.is_null() & (text.is_not_null() | is_wrong) if column.nullable else value.is_null()


def reasons(frame: pl.DataFrame, column: Column) -> pl.Series:
    """The column's reason in each row of what a LineReader gives, or null."""
    text = frame[column.name]
    absent = text.is_null()
    match column.type:
        case Text() as kind:
            absent = _texts(text, kind).is_null()
            of_value = pl.Series([None], dtype=pl.String)
        case Integer() | Decimal() as kind:
            of_value = number_reasons(text, kind)
        case SqlTimestampUtc():
            of_value = sql_timestamp_reasons(text, not_after=frame[NOT_AFTER])
        case TimestampUtc():
            of_value = timestamp_reasons(text, not_after=frame[NOT_AFTER])
        case Date():
            of_value = date_reasons(text)
        case Boolean():
            of_value = pl.select(pl.when(truths(text).is_null()).then(pl.lit(NOT_A_BOOLEAN))).to_series()
        case _:
            of_value = pl.Series([None], dtype=pl.String)
    is_optional = column.nullable or column.missing is not None
    missing = pl.lit(None if is_optional else MISSING, pl.String)
    reason = pl.when(frame[wrong(column.name)]).then(pl.lit(WRONG_TYPE)).when(absent).then(missing).otherwise(of_value)
    return pl.select(reason.alias(column.name)).to_series()


def _texts(text: pl.Series, kind: Text) -> pl.Series:
    """Trimmed and in one case, unless it is a key (rule T3); null where nothing but white space is left."""
    if _are_as_they_should_be(text, kind):
        return text
    trimmed = text.str.strip_chars(ASCII_WHITESPACE)
    values = trimmed if kind.trim else text
    if kind.case == "upper":
        values = values.str.to_uppercase()
    elif kind.case == "lower":
        values = values.str.to_lowercase()
    elif kind.case == "title":
        values = values.str.to_titlecase()
    return pl.select(pl.when(trimmed != "").then(values).alias(text.name)).to_series()


def _are_as_they_should_be(text: pl.Series, kind: Text) -> bool:
    """Whether no text is empty, or has a character that may have to go."""
    return kind.case != "title" and not (text == "").any() and not any_has(text, _TO_CHANGE[kind.case])


def _with_stand_in(values: pl.Series, frame: pl.DataFrame, column: Column) -> pl.Series:
    """With the text that stands in for a missing one; not in a delete, nor for what is of another kind than text."""
    if column.missing is None:
        return values
    may_lack = frame[VERDICT].is_null() & ~frame[IS_DELETE] & ~frame[wrong(column.name)]
    filled = pl.when(values.is_null() & may_lack).then(pl.lit(column.missing)).otherwise(values)
    return pl.select(filled.alias(column.name)).to_series()

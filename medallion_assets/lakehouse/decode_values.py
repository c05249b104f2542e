"""From an attribute's text to a column's value, or to the reason why not (rules T1 to T5).

Belongs here: for each type of the contract, its typed value and its reason; missing and wrong_type; trimming and case.
Does not: the grammars (lakehouse.decode_numbers, lakehouse.decode_timestamps), collecting reasons (lakehouse.decode).
"""

from __future__ import annotations

import polars as pl

from medallion_assets.lakehouse.contracts import Boolean, Column, Date, Decimal, Integer, Text, TimestampUtc
from medallion_assets.lakehouse.decode_numbers import number_reasons, numbers
from medallion_assets.lakehouse.decode_shapes import wrong
from medallion_assets.lakehouse.decode_timestamps import date_reasons, dates, timestamp_reasons, timestamps

MISSING = "missing"
WRONG_TYPE = "wrong_type"
ASCII_WHITESPACE = " \t\n\r\x0b\x0c"

NOT_AFTER = pl.col("_export_to_at")
"""No timestamp is later than the export that holds it (rule T1)."""


def typed(frame: pl.DataFrame, column: Column) -> pl.Expr | pl.Series:
    """The column in the contract's type, null where there is a reason; `frame` is what LineReader.read gives."""
    text = pl.col(column.name)
    match column.type:
        case Text() as kind:
            return _text(text, kind).alias(column.name)
        case Integer() | Decimal() as kind:
            return numbers(frame[column.name], kind)
        case TimestampUtc():
            return timestamps(text, not_after=NOT_AFTER).alias(column.name)
        case Date():
            return dates(text).alias(column.name)
        case Boolean():
            return (text == "true").alias(column.name)
        case _:
            raise TypeError(f"no item holds a {column.type}, yet column {column.name} has a source")


def suspect(column: Column, value: pl.Expr) -> pl.Expr:
    """True where the column may have a reason, and surely where it has one: rows worth asking `reasons` about."""
    text, is_wrong = pl.col(column.name), pl.col(wrong(column.name))
    if not column.nullable:
        return value.is_null()
    return value.is_null() & (text.is_not_null() | is_wrong)


def reasons(frame: pl.DataFrame, column: Column) -> pl.Expr:
    """The column's reason in each row of what LineReader.read gives, or null."""
    text, is_wrong = pl.col(column.name), pl.col(wrong(column.name))
    of_value: pl.Expr
    match column.type:
        case Integer() | Decimal() as kind:
            of_value = pl.lit(number_reasons(frame[column.name], kind))
        case TimestampUtc():
            of_value = timestamp_reasons(text, not_after=NOT_AFTER)
        case Date():
            of_value = date_reasons(text)
        case _:
            of_value = pl.lit(None, pl.String)
    absent = _text(text, column.type).is_null() if isinstance(column.type, Text) else text.is_null()
    missing = pl.lit(MISSING if not column.nullable else None, pl.String)
    reason = pl.when(is_wrong).then(pl.lit(WRONG_TYPE)).when(absent).then(missing).otherwise(of_value)
    return reason.alias(column.name)


def _text(text: pl.Expr, kind: Text) -> pl.Expr:
    """Trimmed and in one case, unless it is a key (rule T3); null where nothing but white space is left."""
    trimmed = text.str.strip_chars(ASCII_WHITESPACE)
    if not kind.trim:
        return pl.when(trimmed != "").then(text)
    cased = {"upper": trimmed.str.to_uppercase(), "lower": trimmed.str.to_lowercase(), None: trimmed}[kind.case]
    return pl.when(trimmed != "").then(cased)

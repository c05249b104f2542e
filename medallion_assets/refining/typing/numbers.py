"""Numbers, judged by value and not by spelling (rule T2): `3.0` and `3E0` are the integer 3.

Belongs here: the grammar of numbers, and which values fit an Integer or a Decimal column.
Does not: whether a text is there, and meant as a number (a source).
"""

from __future__ import annotations

import re

import polars as pl

from medallion_assets.contracts.table import Decimal, Integer

NOT_A_NUMBER = "not_a_number"
TOO_MANY_DECIMALS = "too_many_decimals"
OUT_OF_RANGE = "out_of_range"

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
INT64_DIGITS = 19
_GRAMMAR = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_EXPONENT_DIGITS = 18
"""No item is long enough for an exponent of more digits to be made up for by the digits before it."""


def numbers(text: pl.Series, column_type: Integer | Decimal) -> pl.Series:
    """The values, as Int64 or Decimal(precision, scale); null where the text is null or has a reason."""
    usual = pl.select(pl.when(text.str.contains(_usual_spelling(column_type))).then(text)).to_series()
    values = _cast(usual, column_type)
    rare = values.is_null() & text.is_not_null()
    if not rare.any():
        return values.alias(text.name)
    spelled = text.filter(rare)
    plain = {some: read_number(some, column_type)[1] for some in spelled.unique()}
    read = pl.Series([plain[some] for some in spelled], dtype=pl.String)
    return values.scatter(rare.arg_true(), _cast(read, column_type)).alias(text.name)


def number_reasons(text: pl.Series, column_type: Integer | Decimal) -> pl.Series:
    """The reason of each value: `not_a_number`, `out_of_range`, `too_many_decimals`, or null. For rows that are few."""
    reasons = {some: read_number(some, column_type)[0] for some in text.drop_nulls().unique()}
    return pl.Series(text.name, [reasons.get(some) for some in text], dtype=pl.String)


def read_number(text: str, column_type: Integer | Decimal) -> tuple[str | None, str | None]:
    """(reason, None), or (None, the value spelled plainly: sign, digits, and at most `scale` decimals)."""
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        return NOT_A_NUMBER, None
    sign, mantissa, exponent = match.group(1), match.group(2), match.group(3) or "0"
    before, _, after = mantissa.partition(".")
    significant = (before + after).lstrip("0")
    digits = significant.rstrip("0")
    if not digits:
        return None, "0"
    if len(exponent.lstrip("+-0")) > _EXPONENT_DIGITS:
        return (TOO_MANY_DECIMALS if exponent.startswith("-") else OUT_OF_RANGE), None
    power = int(exponent) - len(after) + len(significant) - len(digits)
    # The value is digits * 10**power, with no zero at either end of digits; `point` of its digits are before the point.
    point, decimals = len(digits) + power, max(0, -power)
    scale, most_whole_digits = _limits(column_type)
    if point > most_whole_digits:
        return OUT_OF_RANGE, None
    whole = (digits + "0" * power)[: max(0, point)] or "0"
    if isinstance(column_type, Integer):
        limit = -INT64_MIN if sign == "-" else INT64_MAX
        if int(whole) > limit or (int(whole) == limit and decimals):
            return OUT_OF_RANGE, None
    if decimals > scale:
        return TOO_MANY_DECIMALS, None
    fraction = (digits[max(0, point) :] if decimals else "").rjust(decimals, "0")
    return None, ("-" if sign == "-" else "") + whole + ("." + fraction if fraction else "")


def _limits(column_type: Integer | Decimal) -> tuple[int, int]:
    """How many digits may stand after and before the point."""
    if isinstance(column_type, Integer):
        return 0, INT64_DIGITS
    return column_type.scale, column_type.precision - column_type.scale


def _usual_spelling(column_type: Integer | Decimal) -> str:
    """A pattern of spellings that a plain cast reads exactly; all others are judged one by one."""
    if isinstance(column_type, Integer):
        return rf"^-?[0-9]{{1,{INT64_DIGITS - 1}}}$"
    scale, whole_digits = _limits(column_type)
    return rf"^-?[0-9]{{1,{max(1, whole_digits)}}}(?:\.[0-9]{{0,{scale}}}0*)?$"


def _cast(text: pl.Series, column_type: Integer | Decimal) -> pl.Series:
    dtype = pl.Int64() if isinstance(column_type, Integer) else pl.Decimal(column_type.precision, column_type.scale)
    return text.cast(dtype, strict=False)

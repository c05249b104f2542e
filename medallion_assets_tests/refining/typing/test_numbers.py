"""Numbers are judged by value, against decimal.Decimal as the reference (rule T2)."""

from __future__ import annotations

import decimal
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion_assets.contracts.table import Decimal, Integer
from medallion_assets.refining.typing.numbers import number_reasons, numbers

TYPES = (Integer(), Decimal(18, 4), Decimal(38, 0), Decimal(38, 38), Decimal(38, 10), Decimal(4, 4))
EXACT = decimal.Context(prec=2000, Emax=10**9, Emin=-(10**9))


def decoded(text: str, column_type: Integer | Decimal) -> object:
    """The value as a Python number, or the reason."""
    texts = pl.Series("n", [text])
    value, reason = numbers(texts, column_type).item(), number_reasons(texts, column_type).item()
    assert (value is None) != (reason is None)
    return reason if value is None else value


def reference(text: str, column_type: Integer | Decimal) -> object:
    """The same from decimal.Decimal."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return "not_a_number"
    value = EXACT.create_decimal(text)
    scale = 0 if isinstance(column_type, Integer) else column_type.scale
    limit = 10 ** (column_type.precision - scale) if isinstance(column_type, Decimal) else 2**63
    if not (-limit <= value < limit if isinstance(column_type, Integer) else -limit < value < limit):
        # Only what is beyond the last whole number is too large; a fraction on top of it as well.
        return "out_of_range"
    places = value.normalize(EXACT).as_tuple().exponent
    assert isinstance(places, int)
    if -places > scale:
        beyond = isinstance(column_type, Integer) and value > 2**63 - 1
        return "out_of_range" if beyond else "too_many_decimals"
    return int(value) if isinstance(column_type, Integer) else value


_DIGITS = st.text("0123456789", max_size=20) | st.sampled_from(
    ("0" * 40, "9" * 14, "9" * 38, str(2**63 - 1), str(2**63))
)
_EXPONENTS = st.just("") | st.builds(
    "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(("", "+", "-", "-0")), st.integers(0, 45) | st.just(400)
)
_NUMBERS = st.builds(
    "{}{}{}{}{}".format, st.sampled_from(("", "-", "+")), _DIGITS, st.sampled_from(("", ".")), _DIGITS, _EXPONENTS
)


@settings(deadline=None)  # a machine that is busy says nothing about the code
@given(_NUMBERS | st.text("0123456789.eE+-_ x", max_size=8), st.sampled_from(TYPES))
def test_every_spelling_has_the_value_or_reason_of_the_reference(text: str, column_type: Integer | Decimal) -> None:
    """No rounding, no overflow, no spelling that a parser happens to like."""
    assert decoded(text, column_type) == reference(text, column_type)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.50", decimal.Decimal("12.5")),
        ("1.50000", decimal.Decimal("1.5")),
        ("1E2", 100),
        ("+.5e1", 5),
        ("-0E999999999999999999999", 0),
        ("99999999999999.9999", decimal.Decimal("99999999999999.9999")),
        ("0.00001", "too_many_decimals"),
        ("5E-11", "too_many_decimals"),
        ("1E-99999999999999999999", "too_many_decimals"),
        ("100000000000000", "out_of_range"),
        ("100000000000000.00001", "out_of_range"),
        ("1E400", "out_of_range"),
        ("1E99999999999999999999", "out_of_range"),
        *(
            (text, "not_a_number")
            for text in ("", " 1", "1_000", "1,5", "NaN", "Infinity", "0x1", "1e", ".", "--1", "\u0661")
        ),
    ],
)
def test_money(text: str, expected: object) -> None:
    """Decimal(18, 4): too large is said before too precise."""
    assert decoded(text, Decimal(18, 4)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.0", 3),
        ("1E2", 100),
        ("2.5", "too_many_decimals"),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), "out_of_range"),
        (f"{2**63 - 1}.5", "out_of_range"),
    ],
)
def test_integers(text: str, expected: object) -> None:
    assert decoded(text, Integer()) == expected


def test_a_column_keeps_its_name_its_nulls_and_its_type() -> None:
    """Usual, rare and refused spellings side by side."""
    values = numbers(pl.Series("price", ["1", None, "1E1", "x", "1E1"]), Decimal(18, 4))
    assert (values.name, values.dtype) == ("price", pl.Decimal(18, 4))
    assert values.to_list() == [1, None, 10, None, 10]
    reasons = number_reasons(pl.Series("price", ["1", None, "x"]), Decimal(18, 4))
    assert reasons.to_list() == [None, None, "not_a_number"]

"""Money is exact: sums are decimals, quotients are of whole units and rounded half up (rule G1)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import narwhals as nw
import narwhals.exceptions
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.money import half_up, money, to_money, to_units

AMOUNTS = [Decimal("0.0001"), Decimal("1234.5000"), Decimal("99999999999999.9999"), Decimal("-0.0001")]


def test_money_in_units_and_back_is_the_same_money() -> None:
    """Rule G1: decimal(18,4), to its last digit and its largest value."""
    frame = nw.from_native(pl.LazyFrame({"amount": AMOUNTS}, schema={"amount": pl.Decimal(18, 4)}))
    there = frame.select(to_units("amount").alias("units")).collect().to_native()
    back = nw.from_native(there.lazy()).select(to_money(nw.col("units")).alias("amount")).collect().to_native()
    assert there["units"].to_list() == [1, 12_345_000, 999_999_999_999_999_999, -1]
    assert back["amount"].to_list() == AMOUNTS
    assert back.schema["amount"] == pl.Decimal(18, 4)


def summed(*amounts: Decimal) -> pl.Series:
    frame = nw.from_native(pl.LazyFrame({"amount": amounts}, schema={"amount": pl.Decimal(18, 4)}))
    result: pl.DataFrame = frame.select(money(nw.col("amount").sum())).collect().to_native()
    return result["amount"]


def test_a_sum_is_money_and_one_that_is_too_large_an_error() -> None:
    """Rule G1: never a wrong figure, nor a missing one."""
    largest = AMOUNTS[2]
    fits = summed(largest - AMOUNTS[0], AMOUNTS[0])
    assert (fits.dtype, fits.item()) == (pl.Decimal(18, 4), largest)
    with pytest.raises(narwhals.exceptions.InvalidOperationError, match="conversion from"):
        summed(largest, AMOUNTS[0])


def quotients(*pairs: tuple[int, int]) -> list[int]:
    frame = nw.from_native(pl.LazyFrame(list(pairs), schema={"dividend": pl.Int64, "divisor": pl.Int64}, orient="row"))
    result: pl.DataFrame = frame.select(half_up(nw.col("dividend"), nw.col("divisor"))).collect().to_native()
    return result.to_series().to_list()


def test_a_half_rounds_up_not_to_even() -> None:
    """Rule G1: 0.0005 / 2 is 0.0003, where Polars' decimal division says 0.0002."""
    assert quotients((5, 2), (3, 2), (1, 2), (1, 3), (2, 3), (0, 7)) == [3, 2, 1, 0, 1, 0]


@given(st.lists(st.tuples(st.integers(0, 10**18 - 1), st.integers(1, 10**9)), min_size=1, max_size=5))
def test_any_quotient_is_the_exact_one_rounded(pairs: list[tuple[int, int]]) -> None:
    """Rule G1: also of the largest Money."""
    assert quotients(*pairs) == [floor(Fraction(dividend, divisor) + Fraction(1, 2)) for dividend, divisor in pairs]

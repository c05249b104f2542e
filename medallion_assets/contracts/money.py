"""Exact money in transforms: summed as decimals and divided as whole numbers, on any engine.

Belongs here: arithmetic with Money columns, written with Narwhals.
Does not: what is counted as a sale, or any table.
"""

from __future__ import annotations

from decimal import Decimal

import narwhals as nw

from medallion_assets.contracts.table import Money

UNITS = 10**Money.scale
"""Money is divided in whole units of 1/UNITS, as 64-bit integers. Any Money is below 10**18 of them, so that twice it
fits too, which `half_up` needs."""


def to_units(column: str) -> nw.Expr:
    """A Money column in whole units of 1/UNITS."""
    return whole(nw.col(column).cast(nw.Decimal(24, Money.scale)) * nw.lit(UNITS))


def to_money(units: nw.Expr) -> nw.Expr:
    """Whole units of 1/UNITS as Money; exact, since it multiplies by a decimal and never divides."""
    whole = units.cast(nw.Decimal(20, 0))
    return money(whole * nw.lit(Decimal(1) / UNITS))


def money(expression: nw.Expr) -> nw.Expr:
    """A sum or difference of Money as Money; engines type them differently (decimal(38, 4), decimal(28, 4)).

    One with more digits than Money has is an error.
    """
    return expression.cast(nw.Decimal(Money.precision, Money.scale))


def half_up(dividend: nw.Expr, divisor: nw.Expr) -> nw.Expr:
    """The quotient of two integers rounded half up.

    `dividend` >= 0, `divisor` > 0, and 2 * `dividend` + `divisor` fits 64 bits. Spark divides integers as floats:
    there it is exact while 2 * `dividend` < 2**53.
    """
    return whole((dividend * 2 + divisor) // (divisor * 2))


def whole(expression: nw.Expr) -> nw.Expr:
    """A count, sum or quotient of integers as 64 bits; engines type them differently (u32, decimal(38, 0), double)."""
    return expression.cast(nw.Int64)

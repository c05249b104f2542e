"""The oracle's own examples for the star: small enough to be worked out by hand (rules D1 to D7)."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import holidays as library
import pytest

from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.star import (
    BEFORE_ALL,
    DAYS,
    NOBODY,
    calendar_day,
    dim_customer,
    dim_date,
    dim_product,
    holidays,
    star,
)


def day(number: int, hour: int = 12) -> datetime:
    """A moment in January 2025."""
    return datetime(2025, 1, number, hour, tzinfo=UTC)


def version(key: str, segment: str, since: datetime, until: datetime | None = None, *, gone: bool = False) -> Row:
    """A version of a customer."""
    texts = dict.fromkeys(("first_name", "last_name", "email", "city", "country"), "x")
    return {
        "customer_id": key, **texts, "segment": segment, "valid_from": since, "valid_to": until,
        "is_current": until is None, "is_deleted": gone,
    }  # fmt: skip


def product(key: str, category: str, since: datetime, *, gone: bool = False) -> Row:
    """A version of a product."""
    return {
        "product_id": key, "product_name": "x", "category": category, "list_price": Decimal(1),
        "valid_from": since, "is_deleted": gone,
    }  # fmt: skip


def order(key: str, customer: str | None, at: datetime, **changed: Any) -> Row:
    """A completed order."""
    return {
        "order_id": key, "customer_id": customer, "status": "completed", "ordered_at": at, "order_date": at.date(),
        "is_deleted": False, **changed,
    }  # fmt: skip


def line(order_id: str, number: int, product_id: str | None, at: datetime, **changed: Any) -> Row:
    """A line of three things at 1.99 with 7.25 % off."""
    return {
        "order_id": order_id,
        "line_number": number,
        "product_id": product_id,
        "ordered_at": at,
        "order_date": at.date(),
        "quantity": 3,
        "unit_price": Decimal("1.9900"),
        "discount": Decimal("0.0725"),
        "is_deleted": False,
        **changed,
    }


VERSIONS = [version("A", "old", day(5), day(7), gone=True), version("A", "new", day(9)), version("B", "b", day(20))]


def test_a_customer_has_a_row_for_each_version_with_a_key_of_its_own() -> None:
    """D1, D2."""
    nobody, first, second, other = dim_customer(VERSIONS)
    assert first["customer_key"] == hashlib.md5(b"A|1736078400000000").hexdigest()
    assert [row["applies_from"] for row in (nobody, first, second, other)] == [
        BEFORE_ALL,
        BEFORE_ALL,
        day(9),
        BEFORE_ALL,
    ]
    assert [row["is_current"] for row in (nobody, first, second, other)] == [True, False, True, True]
    assert [nobody[name] for name in ("customer_key", "customer_id", "segment", "city")] == [
        NOBODY,
        None,
        "unknown",
        "unknown",
    ]


def test_a_product_has_its_last_values_also_when_it_is_gone() -> None:
    """D4."""
    nothing, a, b = dim_product(
        [product("A", "x", day(1)), product("A", "y", day(2), gone=True), product("B", "z", day(1))]
    )
    assert (a["category"], a["is_deleted"], b["category"]) == ("y", True, "z")
    assert a["product_key"] == "7fc56270e7a70fa81a5935b72eacbe29"
    assert (nothing["product_key"], nothing["category"], nothing["list_price"]) == (NOBODY, "unknown", None)


@pytest.mark.parametrize(
    ("customer", "at", "segment"),
    [
        ("A", day(1), "old"),
        ("A", day(8), "old"),
        ("A", day(9), "new"),
        ("A", day(9, 11), "old"),
        ("B", day(1), "b"),
        ("C", day(9), "unknown"),
        (None, day(9), "unknown"),
    ],
)
def test_a_fact_takes_the_version_that_applied_when_it_was_ordered(
    customer: str | None, at: datetime, segment: str
) -> None:
    """D3: before the first one the first, between a delete and a return the deleted one, at its beginning the new."""
    built = star(customers=VERSIONS, products=[], orders=[order("O", customer, at)], lines=[line("O", 1, None, at)])
    assert [row["segment"] for row in built.mart_revenue] == [segment]
    assert [row["product_key"] for row in built.fct_order_line] == [NOBODY]


def test_amounts_are_exact_and_rounded_half_up_once() -> None:
    """D6: 3 x 1.99 = 5.97; 7.25 % of it is 0.432825, so 0.4328; of 0.50 half a ten-thousandth is rounded up."""
    lines = [
        line("O", 1, None, day(1)),
        line("O", 2, None, day(1), quantity=1, unit_price=Decimal("0.5000"), discount=Decimal("0.0001")),
    ]
    first, second = star(customers=[], products=[], orders=[order("O", None, day(1))], lines=lines).fct_order_line
    assert [first[name] for name in ("gross_amount", "discount_amount", "net_amount")] == [
        Decimal(text) for text in ("5.9700", "0.4328", "5.5372")
    ]
    assert (second["discount_amount"], second["net_amount"]) == (Decimal("0.0001"), Decimal("0.4999"))
    assert (first["date_key"], first["order_month"]) == (20250101, date(2025, 1, 1))


def test_a_line_without_a_live_order_of_its_day_is_no_fact_and_counted() -> None:
    """D6."""
    orders = [order("O", None, day(1)), order("X", None, day(1), is_deleted=True)]
    lines = [
        line("O", 1, None, day(1, 13)),
        line("O", 2, None, day(2)),
        line("X", 1, None, day(1)),
        line("Y", 1, None, day(1)),
        line("Y", 2, None, day(1), is_deleted=True),
    ]
    built = star(customers=[], products=[], orders=orders, lines=lines)
    assert [(row["order_id"], row["line_number"], row["ordered_at"]) for row in built.fct_order_line] == [
        ("O", 1, day(1))
    ]
    assert built.lines_left_out == 3


def test_revenue_counts_completed_and_shipped_orders() -> None:
    """D7."""
    orders = [
        order("O", None, day(1)),
        order("P", None, day(2), status="shipped"),
        order("Q", None, day(2), status="returned"),
    ]
    lines = [
        line("O", 1, None, day(1)),
        line("O", 2, None, day(1)),
        line("P", 1, None, day(2)),
        line("Q", 1, None, day(2)),
    ]
    (row,) = star(customers=[], products=[], orders=orders, lines=lines).mart_revenue
    assert (row["line_count"], row["order_count"], row["units_sold"]) == (3, 2, 9)
    assert (row["gross_revenue"], row["net_revenue"]) == (Decimal("17.9100"), Decimal("16.6116"))


@pytest.mark.parametrize(
    ("at", "iso", "fiscal"),
    [
        (date(2024, 12, 30), (2025, 1, 1), (2024, 48)),
        (date(2025, 1, 31), (2025, 5, 5), (2024, 53)),
        (date(2025, 2, 1), (2025, 5, 6), (2025, 1)),
        (date(2025, 2, 8), (2025, 6, 6), (2025, 2)),
        (date(2027, 1, 3), (2026, 53, 7), (2026, 49)),
    ],
)
def test_iso_and_fiscal_weeks(at: date, iso: tuple[int, int, int], fiscal: tuple[int, int]) -> None:
    """D5."""
    row = calendar_day(at, {})
    assert (row["iso_year"], row["iso_week"], row["iso_day_of_week"]) == iso
    assert (row["fiscal_year"], row["fiscal_week"]) == fiscal


def test_every_day_and_the_holidays_as_the_library_names_them() -> None:
    """D5: worked out from the law here, looked up there."""
    days = {row["full_date"]: row["holiday"] for row in dim_date()}
    assert (min(days), max(days), len(days)) == (*DAYS, 18_262)
    known = library.country_holidays("US", years=range(1990, 2041))
    assert {at: name for at, name in days.items() if name} == {at: name for at, name in known.items() if at in days}
    assert holidays(2021, 2021)[date(2021, 12, 31)] == "New Year's Day (observed)"

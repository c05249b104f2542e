"""Lifetime value as of a day: figures, scores and segments (rules G3 and G4)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from medallion_assets.pipelines.transactions.customer_ltv import (
    CUSTOMER_LTV,
    _rfm_segment,
    customer_days,
    customer_orders,
    lifetime_value,
)
from medallion_assets_tests.deriving.planting import Sale, enriched, polars_types
from medallion_assets_tests.properties.examples import examples

DAY = date(2025, 3, 1)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def ltv(as_of: date, *sales: Sale) -> list[dict[str, Any]]:
    native: pl.DataFrame = lifetime_value(customer_days(enriched(*sales)), as_of).collect().to_native()
    assert native.schema == polars_types(CUSTOMER_LTV.columns)
    return native.sort(CUSTOMER_LTV.key).to_dicts()


def test_the_figures_of_a_customer() -> None:
    """Rule G3: gross / count, 3 * 30 / 40 orders in 30 days; what is not counted or comes later is left out."""
    assert ltv(
        day(40),
        Sale(day(0), "10.0001"),
        Sale(day(10), "20", status="refunded"),
        Sale(day(10), "5"),
        Sale(day(20), "99", status="pending"),
        Sale(day(41), "99"),
    ) == [
        {
            "as_of_date": day(40),
            "customer_id": "c1",
            "first_order_date": day(0),
            "last_order_date": day(10),
            "order_count": 3,
            "lifetime_value": Decimal("15.0001"),
            "average_order_value": Decimal("11.6667"),
            "recency_days": 30,
            "tenure_days": 40,
            "orders_per_30_days": Decimal("2.25"),
            "recency_score": 5,
            "frequency_score": 5,
            "monetary_score": 5,
            "rfm_segment": "champion",
        }
    ]


def test_orders_per_30_days_rounds_half_up_and_the_first_day_counts_as_one() -> None:
    """Rule G3: 30 / 64 = 0.46875; on the day of the first order tenure is 0."""
    assert ltv(day(64), Sale(day(0)))[0]["orders_per_30_days"] == Decimal("0.4688")
    row = ltv(day(0), Sale(day(0)), Sale(day(0)))[0]
    assert (row["tenure_days"], row["recency_days"], row["orders_per_30_days"]) == (0, 0, 60)


def test_days_count_across_leap_days_and_years() -> None:
    """Rule G3: 2024 and 2000 have a 29 February, 1900 had none."""
    for first, days in ((date(2024, 2, 28), 368), (date(2000, 2, 28), 9134), (date(1990, 1, 1), 12844)):
        assert ltv(DAY + timedelta(days=1), Sale(first))[0]["tenure_days"] == days


def test_a_customer_with_refunds_only_is_worth_nothing_and_is_there() -> None:
    """Rule G3: counted rows decide who is in, net what they are worth."""
    row = ltv(day(1), Sale(day(0), "7", status="refunded"))[0]
    assert (row["order_count"], row["lifetime_value"], row["average_order_value"]) == (1, 0, 7)


def test_nobody_yet_is_an_empty_partition() -> None:
    """Rule G3: only days up to as_of count."""
    assert ltv(day(0), Sale(day(1))) == []
    assert ltv(day(0)) == []


def test_a_score_is_a_fifth_and_ties_go_by_customer() -> None:
    """Rule G4: ceil(5 r / 7) for r from 1 to 7; all equal, so customer_id decides in all three."""
    rows = ltv(day(1), *(Sale(day(0), customer=f"c{number}") for number in (3, 1, 7, 5, 2, 6, 4)))
    expected = [1, 2, 3, 3, 4, 5, 5]
    for score in ("recency_score", "frequency_score", "monetary_score"):
        assert [row[score] for row in rows] == expected


def test_each_score_ranks_by_its_own_measure() -> None:
    """Rule G4: latest, most orders and most value are three different customers; value is net."""
    rows = ltv(
        day(9),
        Sale(day(9), "1", "late"),
        *(Sale(day(1), "2", "often") for _ in range(3)),
        Sale(day(0), "50", "rich"),
        Sale(day(2), "90", "back", status="refunded"),
        Sale(day(2), "0.5", "back"),
    )
    scores = {row["customer_id"]: (row["recency_score"], row["frequency_score"], row["monetary_score"]) for row in rows}
    assert scores == {"late": (5, 2, 3), "often": (3, 5, 4), "rich": (2, 3, 5), "back": (4, 4, 2)}


@pytest.mark.parametrize(
    ("figures", "segment"),
    [
        ((4, 4, 4, 9), "champion"),
        ((2, 3, 5, 9), "at_risk"),
        ((1, 5, 5, 9), "at_risk"),
        ((5, 4, 3, 9), "loyal"),
        ((3, 5, 5, 9), "loyal"),
        ((4, 3, 5, 1), "new"),
        ((5, 4, 4, 1), "champion"),
        ((5, 4, 1, 1), "loyal"),
        ((4, 3, 5, 2), "regular"),
        ((1, 2, 5, 1), "lost"),
        ((2, 2, 2, 1), "regular"),
        ((3, 3, 3, 1), "regular"),
    ],
)
def test_the_first_segment_that_fits(figures: tuple[int, int, int, int], segment: str) -> None:
    """Rule G4: recency, frequency and monetary score, order_count."""
    names = ("recency_score", "frequency_score", "monetary_score", "order_count")
    frame = nw.from_native(pl.LazyFrame([figures], schema=dict.fromkeys(names, pl.Int64), orient="row"))
    assert frame.select(_rfm_segment()).collect().to_native().item() == segment


def test_a_customer_day_is_one_row() -> None:
    """The base of every as-of day: counted rows of a customer and day in one row."""
    base = customer_days(
        enriched(Sale(DAY, "1"), Sale(DAY, "2", status="refunded"), Sale(day(1)), Sale(day(2), status="cancelled"))
    )
    native: pl.DataFrame = base.collect().to_native()
    assert native.sort("transaction_date").rows() == [
        ("c1", DAY, 2, Decimal(3), Decimal(1)),
        ("c1", day(1), 1, Decimal(10), Decimal(10)),
    ]


def expected_ltv(as_of: date, planted: list[Sale]) -> list[tuple[Any, ...]]:
    """Rules G3 and G4 in plain Python."""
    orders: dict[str, list[Sale]] = defaultdict(list)
    for sale in planted:
        if sale.status in ("completed", "refunded") and sale.day <= as_of:
            orders[sale.customer].append(sale)
    last = {customer: max(sale.day for sale in own) for customer, own in orders.items()}
    net = {
        customer: sum((Decimal(sale.amount) for sale in own if sale.status == "completed"), Decimal(0))
        for customer, own in orders.items()
    }
    counts = {customer: len(own) for customer, own in orders.items()}

    def scores(measure: dict[str, Any]) -> dict[str, int]:
        ranked = sorted(measure, key=lambda customer: (measure[customer], customer))
        return {customer: ceil(Fraction(5 * rank, len(ranked))) for rank, customer in enumerate(ranked, start=1)}

    recency, frequency, monetary = scores(last), scores(counts), scores(net)
    rows = []
    for customer, own in sorted(orders.items()):
        first, gross = min(sale.day for sale in own), sum(Decimal(sale.amount) for sale in own)
        tenure = (as_of - first).days
        figures = (gross / len(own), Decimal(len(own) * 30) / max(tenure, 1))
        average, pace = (figure.quantize(Decimal("0.0001"), ROUND_HALF_UP) for figure in figures)
        r, f, m = recency[customer], frequency[customer], monetary[customer]
        fits = {
            "champion": min(r, f, m) >= 4,
            "at_risk": r <= 2 and f >= 3,
            "loyal": f >= 4,
            "new": len(own) == 1 and r >= 4,
            "lost": r == 1,
            "regular": True,
        }
        segment = next(name for name, fit in fits.items() if fit)
        dates = (first, last[customer])
        ages = ((as_of - last[customer]).days, tenure)
        rows.append((as_of, customer, *dates, len(own), net[customer], average, *ages, pace, r, f, m, segment))
    return rows


def sales_of(customers: int, days: st.SearchStrategy[date]) -> st.SearchStrategy[list[Sale]]:
    sale = st.builds(
        Sale,
        day=days,
        amount=st.sampled_from(["0.0001", "10", "10.0005", "33.3333", "999999.9999"]),
        customer=st.sampled_from([f"c{number}" for number in range(customers)]),
        status=st.sampled_from(["completed", "completed", "refunded", "pending"]),
        quantity=st.just(1),
        category=st.just("toys"),
        segment=st.just("gold"),
        region=st.just("west"),
    )
    return st.lists(sale, max_size=30)


@examples(100)
@given(sales_of(12, st.integers(-40, 8).map(day)), st.integers(-10, 10).map(day))
def test_any_sales_give_the_partition_that_plain_python_finds(planted: list[Sale], as_of: date) -> None:
    """Rules G3 and G4."""
    assert [tuple(row.values()) for row in ltv(as_of, *planted)] == expected_ltv(as_of, planted)


@examples(50)
@given(sales_of(3, st.integers(0, 3).map(day)), st.integers(0, 3).map(day))
def test_orders_by_themselves_give_the_same_as_days_of_them(planted: list[Sale], as_of: date) -> None:
    """A day that is made alone is made of orders, others of the base that they share."""
    rows = enriched(*planted)
    by_order, by_day = (
        lifetime_value(base, as_of).collect().to_native().sort(CUSTOMER_LTV.key)
        for base in (customer_orders(rows), customer_days(rows))
    )
    assert_frame_equal(by_order, by_day)

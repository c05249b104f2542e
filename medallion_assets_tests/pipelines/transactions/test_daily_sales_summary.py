"""The summary of a day is what a person with a pencil would find (rules G1 and G2)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY, summarise
from medallion_assets_tests.deriving.planting import Sale, enriched, polars_types
from medallion_assets_tests.properties.examples import examples

DAY = date(2025, 3, 1)
CENT = Decimal("0.0001")


def summary(*sales: Sale) -> list[dict[str, Any]]:
    native: pl.DataFrame = summarise(enriched(*sales)).collect().to_native()
    assert native.schema == polars_types(DAILY_SALES_SUMMARY.columns)
    return native.sort(DAILY_SALES_SUMMARY.key).to_dicts()


def test_completed_and_refunded_count_and_the_others_do_not() -> None:
    """Rules G1 and G2: gross is both, net is gross less refunds."""
    assert summary(
        Sale(DAY, "10.5", "c1", quantity=2),
        Sale(DAY, "4.5", "c1", "refunded", quantity=3),
        Sale(DAY, "1", "c2"),
        Sale(DAY, "99", "c3", "pending"),
        Sale(DAY, "99", "c4", "cancelled"),
    ) == [
        {
            "transaction_date": DAY,
            "product_category": "toys",
            "customer_segment": "gold",
            "region": "west",
            "transaction_count": 3,
            "customer_count": 2,
            "units_sold": 6,
            "gross_revenue": Decimal(16),
            "refunded_amount": Decimal("4.5"),
            "net_revenue": Decimal("11.5"),
            "average_order_value": Decimal("5.3333"),
        }
    ]


def test_each_day_category_segment_and_region_has_its_own_row() -> None:
    """Rule G2."""
    next_day = DAY + timedelta(days=1)
    rows = summary(
        Sale(DAY),
        Sale(next_day),
        Sale(DAY, category="books"),
        Sale(DAY, segment="basic"),
        Sale(DAY, region="east"),
    )
    assert [tuple(row[name] for name in DAILY_SALES_SUMMARY.key) for row in rows] == [
        (DAY, "books", "gold", "west"),
        (DAY, "toys", "basic", "west"),
        (DAY, "toys", "gold", "east"),
        (DAY, "toys", "gold", "west"),
        (next_day, "toys", "gold", "west"),
    ]


def test_the_average_rounds_half_up() -> None:
    """Rule G1: 0.0005 / 2 is 0.0003."""
    assert summary(Sale(DAY, "0.0002"), Sale(DAY, "0.0003"))[0]["average_order_value"] == Decimal("0.0003")


def test_a_day_of_refunds_only_has_nothing_net() -> None:
    """Rule G1."""
    row = summary(Sale(DAY, "7", status="refunded"))[0]
    assert (row["gross_revenue"], row["net_revenue"], row["average_order_value"]) == (7, 0, 7)


def test_a_day_without_counted_rows_has_no_row() -> None:
    """Rule G2; an empty frame too."""
    assert summary(Sale(DAY, status="pending")) == []
    assert summary() == []


sales = st.lists(
    st.builds(
        Sale,
        day=st.sampled_from([DAY, DAY + timedelta(days=1)]),
        amount=st.decimals("0.0001", "999999.9999", places=4).map(str),
        customer=st.sampled_from(["c1", "c2", "c3"]),
        status=st.sampled_from(["completed", "refunded", "pending", "cancelled"]),
        quantity=st.integers(1, 10_000),
        category=st.sampled_from(["toys", "books"]),
        segment=st.sampled_from(["gold", "basic"]),
        region=st.sampled_from(["west", "east"]),
    ),
    max_size=20,
)


@examples(100)
@given(sales)
def test_any_sales_give_the_summary_that_plain_python_finds(planted: list[Sale]) -> None:
    """Rules G1 and G2."""
    groups: dict[tuple[Any, ...], list[Sale]] = defaultdict(list)
    for sale in planted:
        if sale.status in ("completed", "refunded"):
            groups[sale.day, sale.category, sale.segment, sale.region].append(sale)
    expected = []
    for key, members in sorted(groups.items()):
        gross = sum(Decimal(sale.amount) for sale in members)
        refunded = sum(Decimal(sale.amount) for sale in members if sale.status == "refunded")
        average = (gross / len(members)).quantize(CENT, ROUND_HALF_UP)
        customers, units = {sale.customer for sale in members}, sum(sale.quantity for sale in members)
        expected.append((*key, len(members), len(customers), units, gross, refunded, gross - refunded, average))
    assert [tuple(row.values()) for row in summary(*planted)] == expected

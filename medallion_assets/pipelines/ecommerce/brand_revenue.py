"""Gold brand revenue: what a brand sold in a month.

Belongs here: the figures of a month (rule E5).
Does not: which months are computed anew.
"""

from __future__ import annotations

import decimal
from typing import Any

import narwhals as nw

from medallion_assets.contracts.money import whole
from medallion_assets.contracts.table import Column, Date, Decimal, Integer, Table, Text

REVENUE = Decimal(28, 4)
"""A sum of prices: two of the largest are more than a price holds."""
TOTAL, ZERO = nw.Decimal(REVENUE.precision, REVENUE.scale), decimal.Decimal(0)
BRAND_REVENUE = Table(
    name="gold.brand_revenue",
    description="Events, purchases and revenue of a month by brand; products without a brand are a group of their own.",
    key=("event_month", "brand"),
    partition_by="event_month",
    columns=(
        Column("event_month", Date(), "the first day of the month"),
        Column("brand", Text(), "the brand; null where the product has none", nullable=True),
        Column("events", Integer(), "everything that visitors did"),
        Column("purchases", Integer(), "the purchases among it"),
        Column("total_revenue", REVENUE, "the prices of purchases, in units of currency"),
        Column("total_price_of_events", REVENUE, "the prices of all events, in units of currency"),
    ),
)


def revenue_by_brand(events: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The figures of every month in `events` (rows of silver.ecommerce_events): the columns of the contract."""
    price, is_purchase = nw.col("price"), nw.col("event_type") == "purchase"
    return (
        events.with_columns(price.cast(TOTAL).fill_null(ZERO))
        .with_columns(
            whole(is_purchase).alias("is_purchase"),
            nw.when(is_purchase).then(price).otherwise(nw.lit(ZERO)).alias("sold"),
        )
        .group_by("event_month", "brand")
        .agg(
            whole(nw.len()).alias("events"),
            whole(nw.col("is_purchase").sum()).alias("purchases"),
            nw.col("sold").sum().cast(TOTAL).alias("total_revenue"),
            price.sum().cast(TOTAL).alias("total_price_of_events"),
        )
        .select(*BRAND_REVENUE.column_names)
    )


def revenue_of_months(events: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The price of all purchases of each month: what the figures of all brands have to add up to."""
    purchases = events.filter(nw.col("event_type") == "purchase")
    return purchases.group_by("event_month").agg(nw.col("price").sum())

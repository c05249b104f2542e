"""Silver order lines: typed, judged, one live row a line of an order.

Belongs here: what a line is and what makes one valid.
Does not: the order that it belongs to, or the facts made of both (dbt_project/).
"""

from __future__ import annotations

import narwhals as nw

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.table import Column, Date, Decimal, Integer, Money, Table, Text, TimestampUtc
from medallion_assets.pipelines.star_schema.orders import IN_CALENDAR

MOST_UNITS, PRICE_LIMIT = 100_000, 1_000_000_000
"""So many units below this price are an amount that decimal(18,4) can hold (rule D6)."""

ORDER_LINES = Table(
    name="silver.order_lines",
    description="Every line of every order as it stands now: one live row a line, deleted ones as tombstones.",
    key=("order_id", "line_number"),
    partition_by="order_date",
    columns=(
        Column("order_id", Text(trim=False), "the order; a key of silver.orders", source="order_id"),
        Column("line_number", Integer(), "the line of the order, from 1", source="line_number"),
        Column(
            "product_id",
            Text(trim=False),
            "what was ordered; a key of silver.products",
            source="product_id",
            nullable=True,
        ),
        Column("quantity", Integer(), "how many units", source="quantity"),
        Column("unit_price", Money, "price of one in units of currency, 4 decimals", source="unit_price"),
        Column("discount", Decimal(5, 4), "the share of the price that is taken off, 0 to 1", source="discount"),
        Column("ordered_at", TimestampUtc(), "when the order was made (UTC)", source="ordered_at"),
        Column("order_date", Date(), "the business day of ordered_at", business_date_of="ordered_at"),
    ),
    expectations=(
        expect_or_drop("line_number_out_of_range", nw.col("line_number") >= 1, "line_number"),
        expect_or_drop("quantity_out_of_range", nw.col("quantity").is_between(1, MOST_UNITS), "quantity"),
        expect_or_drop(
            "unit_price_out_of_range",
            (nw.col("unit_price") >= 0) & (nw.col("unit_price") < PRICE_LIMIT),
            "unit_price",
        ),
        expect_or_drop("discount_out_of_range", nw.col("discount").is_between(0, 1), "discount"),
        IN_CALENDAR,
    ),
)

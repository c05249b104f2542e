"""Silver orders: typed, judged, one live row an order.

Belongs here: what an order is, what makes one valid, and the days that the calendar has.
Does not: what was ordered, or the facts made of both (dbt_project/).
"""

from __future__ import annotations

from datetime import date

import narwhals as nw

from medallion_assets.contracts.expectations import expect_one_of, expect_or_drop
from medallion_assets.contracts.table import Column, Date, Table, Text, TimestampUtc

FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2039, 12, 31)
"""The days of gold.dim_date (rule D5): a fact of any other day would have no date."""
STATUSES = ("completed", "shipped", "pending", "cancelled", "returned")
IN_CALENDAR = expect_or_drop(
    "order_date_out_of_calendar", nw.col("order_date").is_between(FIRST_DAY, LAST_DAY), "order_date"
)

ORDERS = Table(
    name="silver.orders",
    description="Every order as it stands now: one live row an order, deleted ones as tombstones.",
    key=("order_id",),
    partition_by="order_date",
    columns=(
        Column("order_id", Text(trim=False), "the order's key in the shop", source="order_id"),
        Column(
            "customer_id",
            Text(trim=False),
            "who ordered; a key of silver.crm_customers",
            source="customer_id",
            nullable=True,
        ),
        Column("status", Text(case="lower"), "one of " + ", ".join(STATUSES), source="status"),
        Column("ordered_at", TimestampUtc(), "when it was ordered (UTC)", source="ordered_at"),
        Column("order_date", Date(), "the business day of ordered_at", business_date_of="ordered_at"),
    ),
    expectations=(expect_one_of("status_unknown", "status", STATUSES), IN_CALENDAR),
)

"""Serving daily sales metrics: what the API reads of a business day, whole or not at all.

Belongs here: the DynamoDB table's contract, and Gold's rows as its rows (rule P1).
Does not: how a day is published (publishing.day_publisher) or read (publishing.reader).
"""

from __future__ import annotations

from collections.abc import Mapping

from medallion_assets.contracts.table import Column, Integer, Limits, Money, Table, Text

ROW_KEY_COLUMNS = ("product_category", "customer_segment", "region")

DAILY_SALES_METRICS = Table(
    name="serving.daily_sales_metrics",
    description="Sales of a business day by product category, customer segment and region, as the API reads them.",
    key=("metric_date", "row_key"),
    limits=Limits(retries=2),
    freshness_hours=24,
    columns=(
        Column("metric_date", Text(trim=False), "the business day, YYYY-MM-DD; the partition key"),
        Column("row_key", Text(trim=False), "version#category#segment#region, #current (the pointer), or #owner"),
        Column("product_category", Text(), "what was bought"),
        Column("customer_segment", Text(), "who bought, as of the transaction"),
        Column("region", Text(), "where the customer counts, as of the transaction"),
        Column("transaction_count", Integer(), "completed and refunded transactions"),
        Column("customer_count", Integer(), "distinct customers"),
        Column("units_sold", Integer(), "their quantities"),
        Column("gross_revenue", Money, "completed and refunded amounts, in units of currency"),
        Column("refunded_amount", Money, "refunded amounts, in units of currency"),
        Column("net_revenue", Money, "gross_revenue less refunded_amount"),
        Column("average_order_value", Money, "gross_revenue / transaction_count, half up"),
    ),
)


def metrics_row(gold_row: Mapping[str, object]) -> dict[str, object]:
    """A row of gold.daily_sales_summary as a row of this table; the publisher adds the key."""
    return {name: gold_row[name] for name in DAILY_SALES_METRICS.column_names if name not in DAILY_SALES_METRICS.key}

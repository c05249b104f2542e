"""Gold daily sales summary: what was sold on a day, by category, segment and region.

Belongs here: the figures of a day (rules G1 and G2).
Does not: what counts as a sale, or which days are computed anew.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from medallion_assets.contracts.money import half_up, money, to_money, to_units, whole
from medallion_assets.contracts.table import Column, Date, Integer, Money, Table, Text
from medallion_assets.pipelines.transactions.sales import sales_rows

DIMENSIONS = ("transaction_date", "product_category", "customer_segment", "region")

DAILY_SALES_SUMMARY = Table(
    name="gold.daily_sales_summary",
    description="Sales of a business day by product category, customer segment and region.",
    key=DIMENSIONS,
    partition_by="transaction_date",
    columns=(
        Column("transaction_date", Date(), "the business day, in Los Angeles"),
        Column("product_category", Text(), "the product's category"),
        Column("customer_segment", Text(), "the customer's segment when the transaction happened"),
        Column("region", Text(), "the customer's region when the transaction happened"),
        Column("transaction_count", Integer(), "completed and refunded transactions"),
        Column("customer_count", Integer(), "distinct customers among them"),
        Column("units_sold", Integer(), "units of product in these transactions, refunded ones included"),
        Column("gross_revenue", Money, "amount of these transactions, in units of currency"),
        Column("refunded_amount", Money, "amount of the refunded ones, in units of currency"),
        Column("net_revenue", Money, "gross_revenue less refunded_amount, in units of currency"),
        Column("average_order_value", Money, "gross_revenue / transaction_count, half up, in units of currency"),
    ),
)


def summarise(enriched: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The summary of every day in `enriched` (rows of silver.enriched_transactions): the columns of the contract."""
    gross, refunded, transactions = nw.col("gross_revenue"), nw.col("refunded_amount"), nw.col("transaction_count")
    return (
        sales_rows(enriched)
        .group_by(*DIMENSIONS)
        .agg(
            whole(nw.len()).alias("transaction_count"),
            whole(nw.col("customer_id").n_unique()).alias("customer_count"),
            whole(nw.col("quantity").sum()).alias("units_sold"),
            money(nw.col("amount").sum()).alias("gross_revenue"),
            money(refunded.sum()),
        )
        .with_columns(
            money(gross - refunded).alias("net_revenue"),
            to_money(half_up(to_units("gross_revenue"), transactions)).alias("average_order_value"),
        )
        .select(*DAILY_SALES_SUMMARY.column_names)
    )

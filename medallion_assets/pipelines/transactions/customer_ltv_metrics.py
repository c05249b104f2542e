"""Serving customer lifetime value: what the API reads of a customer.

Belongs here: the DynamoDB table's contract, and Gold's rows as its items (rule P2).
Does not: how items are published (publishing.item_publisher), or what only the clock changes: recency_days, tenure_days
and orders_per_30_days are not stored, a reader computes them from the stored days (publishing.reader).
"""

from __future__ import annotations

from collections.abc import Mapping

from medallion_assets.contracts.table import Column, Date, Integer, Limits, Money, Table, Text

CUSTOMER_LTV_METRICS = Table(
    name="serving.customer_ltv_metrics",
    description="Lifetime value, orders and RFM scores of every customer, as the API reads them. Items with is_deleted "
    "are customers that vanished, and expire; those whose key begins with # are the publisher's.",
    key=("customer_id",),
    limits=Limits(retries=2),
    freshness_hours=24,
    columns=(
        Column("customer_id", Text(trim=False), "the key: the customer, percent-encoded if with % or # in front"),
        Column("as_of_date", Date(), "the business day as of which these figures were last written"),
        Column("gold_version", Integer(), "the version of gold.customer_ltv they come from, numbered by rule P5"),
        Column("first_order_date", Date(), "business day of the first counted transaction"),
        Column("last_order_date", Date(), "business day of the last counted transaction"),
        Column("order_count", Integer(), "completed and refunded transactions"),
        Column("lifetime_value", Money, "net revenue of all of them, in units of currency"),
        Column("average_order_value", Money, "gross revenue / order_count, half up"),
        Column("recency_score", Integer(), "1 (longest ago) to 5 (latest)"),
        Column("frequency_score", Integer(), "1 (fewest orders) to 5 (most)"),
        Column("monetary_score", Integer(), "1 (least value) to 5 (most)"),
        Column("rfm_segment", Text(), "champion, at_risk, loyal, new, lost or regular"),
    ),
)
KEY = CUSTOMER_LTV_METRICS.key[0]
PUBLISHER_COLUMNS = ("as_of_date", "gold_version")


def metrics_item(gold_row: Mapping[str, object]) -> dict[str, object]:
    """A row of gold.customer_ltv as an item of this table; the publisher adds the pair it is published under."""
    return {name: gold_row[name] for name in CUSTOMER_LTV_METRICS.column_names if name not in PUBLISHER_COLUMNS}

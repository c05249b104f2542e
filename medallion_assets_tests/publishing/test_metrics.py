"""What the API reads is made of Gold's rows, whole and without what only the clock changes."""

from __future__ import annotations

from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS


def test_a_day_shows_every_figure_of_gold_under_the_publishers_key() -> None:
    """Rule P1: metric_date is the day, row_key the dimensions."""
    assert set(SALES_METRICS.value_columns) == set(DAILY_SALES_SUMMARY.column_names) - {"transaction_date"}
    assert SALES_METRICS.row_columns == ("product_category", "customer_segment", "region")
    assert SALES_METRICS.table.column_names == ("metric_date", "row_key", *SALES_METRICS.value_columns)


def test_a_customer_shows_every_figure_of_gold_but_those_of_the_clock() -> None:
    """Rule P2: recency_days, tenure_days and orders_per_30_days are the reader's."""
    clock = {"recency_days", "tenure_days", "orders_per_30_days"}
    assert set(LIFETIME_VALUE_METRICS.value_columns) == set(CUSTOMER_LTV.column_names) - clock - {"as_of_date"}
    assert LIFETIME_VALUE_METRICS.key == "customer_id"
    assert LIFETIME_VALUE_METRICS.table.column_names[:3] == ("customer_id", "as_of_date", "gold_version")

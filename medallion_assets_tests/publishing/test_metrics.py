"""What the API reads is made of Gold's rows, whole and without what only the clock changes."""

from __future__ import annotations

from medallion_assets.contracts.table import Table
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.customer_ltv_metrics import CUSTOMER_LTV_METRICS, metrics_item
from medallion_assets.pipelines.transactions.daily_sales_metrics import (
    DAILY_SALES_METRICS,
    ROW_KEY_COLUMNS,
    metrics_row,
)
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY


def gold_row(table: Table) -> dict[str, object]:
    return {name: f"the {name}" for name in table.column_names}


def test_a_day_shows_every_figure_of_gold_under_the_publishers_key() -> None:
    """Rule P1: metric_date is the day, row_key the dimensions."""
    row = metrics_row(gold_row(DAILY_SALES_SUMMARY))
    assert row.keys() == set(DAILY_SALES_SUMMARY.column_names) - {"transaction_date"}
    assert set(ROW_KEY_COLUMNS) <= row.keys()
    assert set(DAILY_SALES_METRICS.column_names) == row.keys() | {"metric_date", "row_key"}


def test_a_customer_shows_every_figure_of_gold_but_those_of_the_clock() -> None:
    """Rule P2: recency_days, tenure_days and orders_per_30_days are the reader's."""
    item = metrics_item(gold_row(CUSTOMER_LTV))
    clock = {"recency_days", "tenure_days", "orders_per_30_days"}
    assert item.keys() == set(CUSTOMER_LTV.column_names) - clock - {"as_of_date"}
    assert set(CUSTOMER_LTV_METRICS.column_names) == item.keys() | {"as_of_date", "gold_version"}

"""Pictures are held against the contract of their table when they are declared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medallion_assets.contracts.pictures import DayTotals, Members, MonthTotals
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS

MEMBERS = {"member": "customer_id", "segment": "rfm_segment", "first_day": "first_order_date", "unit": "USD"}


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        (DayTotals, {"table": DAILY_SALES_SUMMARY, "figure": "net", "unit": "USD"}),
        (DayTotals, {"table": DAILY_SALES_SUMMARY, "figure": "net_revenue", "unit": "USD", "shares": ("net",)}),
        (MonthTotals, {"table": BRAND_REVENUE, "figure": "net", "unit": "USD"}),
        (MonthTotals, {"table": BRAND_REVENUE, "figure": "total_revenue", "unit": "USD", "top": "net"}),
        (Members, {"table": CUSTOMER_LTV, **MEMBERS, "last_day": "last_order_date", "value": "net"}),
    ],
)
def test_a_column_that_the_table_lacks_is_named(kind: type[Any], columns: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match=r"columns for the picture 'p'.*found: net; what to do: correct the"):
        kind(title="p", **columns)


def test_a_table_without_partitions_has_no_days() -> None:
    whole = replace(DAILY_SALES_SUMMARY, partition_by=None)
    with pytest.raises(PermanentError, match="a partition, for the picture 'p'"):
        DayTotals(title="p", table=whole, figure="net_revenue", unit="USD")


def test_a_pipeline_shows_what_it_makes() -> None:
    strange = MonthTotals(title="p", table=BRAND_REVENUE, figure="total_revenue", unit="USD")
    with pytest.raises(PermanentError, match=r"cannot make gold\.brand_revenue"):
        replace(TRANSACTIONS, pictures=(strange,))
    assert Pipeline(name="none").pictures == ()

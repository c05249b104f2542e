"""The pipeline of a shop's transactions: what comes in, what follows from it, and what its API reads.

Belongs here: the edges between tables; each table has a file of its own, with its contract and its transform.
Does not: anything that runs them.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from medallion_assets.contracts.pipeline import (
    AsOf,
    Daily,
    DayTotals,
    Derived,
    Loaded,
    Lookup,
    Members,
    Pipeline,
    PublishDays,
    PublishItems,
    Reconciled,
)
from medallion_assets.contracts.policies import AT_ONCE, Limits
from medallion_assets.pipelines.transactions.customer_ltv import (
    CUSTOMER_LTV,
    customer_days,
    customer_orders,
    lifetime_value,
)
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY, DIMENSIONS, summarise
from medallion_assets.pipelines.transactions.enriched_transactions import (
    ENRICHED_TRANSACTIONS,
    customer_periods,
    days_of_changed_customers,
    enrich,
)
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports


def revenue_by_day(transactions: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The net revenue of every day, straight from silver.customer_transactions: what Gold has to reconcile with."""
    completed = transactions.filter(~nw.col("is_deleted"), nw.col("status") == "completed")
    return completed.group_by("transaction_date").agg(nw.col("amount").sum())


def _revenue(column: str) -> Reconciled:
    return Reconciled(
        check="revenue_reconciles",
        figure="net_revenue",
        description="Net revenue equals that of silver/customer_transactions, every day, to the last decimal.",
        column=column,
        table=CUSTOMER_TRANSACTIONS,
        totals=revenue_by_day,
    )


ENRICHMENT = Derived(
    table=ENRICHED_TRANSACTIONS,
    source=CUSTOMER_TRANSACTIONS,
    lookups=(Lookup(table=CUSTOMERS, prepare=customer_periods, changed_days=days_of_changed_customers),),
    compute=enrich,
    one_to_one=True,
    row_by_row=True,
    update_timers=AT_ONCE,
    limits=Limits(time_limit_seconds=1800),
)
DAILY_SALES = Daily(
    table=DAILY_SALES_SUMMARY,
    source=ENRICHED_TRANSACTIONS,
    compute=summarise,
    grouped_by=DIMENSIONS[1:],
    reconciled=_revenue("net_revenue"),
    update_timers=AT_ONCE,
    limits=Limits(time_limit_seconds=7200),
)
LIFETIME_VALUE = AsOf(
    table=CUSTOMER_LTV,
    source=ENRICHED_TRANSACTIONS,
    base=customer_days,
    compute=lifetime_value,
    base_by_day=True,
    base_grouped_by=("customer_id",),
    ungrouped=customer_orders,
    reconciled=_revenue("lifetime_value"),
    update_timers=AT_ONCE,
)
SALES_METRICS = PublishDays(gold=DAILY_SALES, to="daily_sales_metrics")
LIFETIME_VALUE_METRICS = PublishItems(
    gold=LIFETIME_VALUE,
    to="customer_ltv_metrics",
    without=("recency_days", "tenure_days", "orders_per_30_days"),
    description="Lifetime value, orders and RFM scores of every customer, as the API reads them. Items with is_deleted "
    "are customers that vanished, and expire; those whose key begins with # are the publisher's.",
)
TRANSACTIONS = Pipeline(
    name="transactions",
    loaded=(
        Loaded(table=CUSTOMER_TRANSACTIONS, source=DynamoDBExports()),
        Loaded(table=CUSTOMERS, source=DynamoDBExports()),
    ),
    derived=(ENRICHMENT,),
    gold=(DAILY_SALES, LIFETIME_VALUE),
    published=(SALES_METRICS, LIFETIME_VALUE_METRICS),
    pictures=(
        DayTotals(
            title="Net revenue by day",
            table=DAILY_SALES_SUMMARY,
            figure="net_revenue",
            unit="USD",
            shares=("product_category", "customer_segment"),
        ),
        Members(
            title="Customers by RFM segment",
            table=CUSTOMER_LTV,
            member="customer_id",
            segment="rfm_segment",
            first_day="first_order_date",
            last_day="last_order_date",
            value="lifetime_value",
            unit="USD",
        ),
    ),
    job_prefix="",
)

"""The pipeline of a shop's events: a file a month, and what each brand sold in it.

Belongs here: the edges between tables; each table has a file of its own, with its contract and its transform.
Does not: anything that runs them.
"""

from __future__ import annotations

from datetime import date

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.pipeline import Loaded, Monthly, Months, MonthTotals, Pipeline, Reconciled
from medallion_assets.contracts.policies import AT_ONCE, Limits
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE, revenue_by_brand, revenue_of_months
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS, FILE_COLUMNS
from medallion_assets.sources.files.files import Files

MONTHS = Months(first=date(2019, 10, 1))
EVENTS = Loaded(
    table=ECOMMERCE_EVENTS,
    source=Files(pattern="????-???.csv{,.gz,.zst}", kind=BatchKind.PARTITION, partition="%Y-%b", header=FILE_COLUMNS),
    months=MONTHS,
    update_timers=AT_ONCE,
    limits=Limits(time_limit_seconds=7200),
)
REVENUE = Monthly(
    table=BRAND_REVENUE,
    source=ECOMMERCE_EVENTS,
    compute=revenue_by_brand,
    months=MONTHS,
    reconciled=Reconciled(
        check="revenue_reconciles",
        figure="total_revenue",
        description="The revenue of all brands equals that of silver/ecommerce_events, every month, to the last "
        "decimal.",
        column="total_revenue",
        table=ECOMMERCE_EVENTS,
        totals=revenue_of_months,
    ),
    update_timers=AT_ONCE,
)
TOP_BRANDS = MonthTotals(
    title="Revenue by month",
    table=BRAND_REVENUE,
    figure="total_revenue",
    unit="USD",
    top="brand",
    unnamed="products without a brand",
)
ECOMMERCE = Pipeline(name="ecommerce", loaded=(EVENTS,), gold=(REVENUE,), pictures=(TOP_BRANDS,))

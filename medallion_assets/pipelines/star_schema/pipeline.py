"""The pipeline of a shop's star schema: files of changes come in, and dbt models follow from them, once a night.

Belongs here: the edges between tables, and how their runs are limited.
Does not: anything that runs them.
"""

from __future__ import annotations

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.pipeline import Loaded, MonthTotals, Pipeline, Refresh
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.products import PRODUCTS
from medallion_assets.sources.files.files import Files

CHANGES = Files(pattern="*.csv", kind=BatchKind.CHANGES, sequence="updated_at", delete_flag="deleted")
"""What each system drops: files of the rows that it changed, with when, and whether they are deleted.

No file says that it has all changes of its day, as some come in days later: so nobody knows how far the tables reach.
"""
HOURS = 26
"""Each system drops a file a day, with a header alone where nothing has changed; it may be two hours late."""
TASK_LIMITS = Limits(time_limit_seconds=3 * 3600, retries=3, first_retry_seconds=300)
"""Tried again after 5, 10 and 20 minutes."""


def _loaded(table: Table) -> Loaded:
    return Loaded(
        table=table,
        source=CHANGES,
        loading_limits=TASK_LIMITS,
        limits=TASK_LIMITS,
        freshness_hours=HOURS,
        source_freshness_hours=HOURS,
    )


STAR_SCHEMA = Pipeline(
    name="star_schema",
    loaded=tuple(map(_loaded, (CRM_CUSTOMERS, PRODUCTS, ORDERS, ORDER_LINES))),
    dbt=(STAR,),
    pictures=(
        MonthTotals(
            title="Net revenue by month",
            table=MART_REVENUE,
            figure="net_revenue",
            unit="USD",
            top="category",
        ),
    ),
    refresh=Refresh(cron=("0 3 * * *",), time_zone="UTC"),
    job_prefix="medallion_",
)

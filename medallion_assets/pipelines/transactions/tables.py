"""Tables: which DynamoDB tables come in, and every table of the lakehouse that follows from them.

Belongs here: the list that a newcomer adds a table to, and finding a contract by its name, without Dagster.
Does not: a contract itself (silver, gold), or assets (definitions.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.table import Table
from medallion_assets.delta.identity import LAKEHOUSE
from medallion_assets.errors import PermanentError
from medallion_assets.operations.alerts.table import ALERTS
from medallion_assets.operations.expectation_results import EXPECTATION_RESULTS
from medallion_assets.operations.incident import INCIDENTS
from medallion_assets.operations.monitoring import MONITORING_TABLES
from medallion_assets.operations.pipeline_runs import PIPELINE_RUNS
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.customer_ltv_metrics import CUSTOMER_LTV_METRICS
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.daily_sales_metrics import DAILY_SALES_METRICS
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.decisions import DECISIONS
from medallion_assets.refining.history_table import events_table
from medallion_assets.refining.judged_contracts import judged
from medallion_assets.refining.quarantine import quarantine_table
from medallion_assets.refining.refused_exports import EXPORT_VERDICTS

EXPORTED_TABLES = (CUSTOMER_TRANSACTIONS, CUSTOMERS)
"""The Silver contracts of the DynamoDB tables whose exports come in; add yours here."""

for _table in EXPORTED_TABLES:
    judged(_table)  # a contract that cannot work is refused here, not in its first run

PUBLISHED_TABLES = ((DAILY_SALES_SUMMARY, DAILY_SALES_METRICS), (CUSTOMER_LTV, CUSTOMER_LTV_METRICS))
"""The Gold tables, each with the DynamoDB table that it is published to."""

STAGE_TABLES = (PIPELINE_RUNS, EXPECTATION_RESULTS)
"""What the stages tell of themselves."""

MADE_TABLES = (
    ENRICHED_TRANSACTIONS,
    DAILY_SALES_SUMMARY,
    CUSTOMER_LTV,
    LAKEHOUSE,
    DECISIONS,
    EXPORT_VERDICTS,
    *STAGE_TABLES,
    *MONITORING_TABLES,
    ALERTS,
    INCIDENTS,
)
"""The Delta tables that are made from those, or kept beside them."""


def every_table() -> Iterator[Table]:
    """Every Delta table that this project makes, in the order in which data flows."""
    for table in EXPORTED_TABLES:
        yield bronze_table(table.short_name)
        yield table
        if table.history:
            yield events_table(table)
        yield quarantine_table(table)
    yield from MADE_TABLES


def exported_table(name: str) -> Table:
    """The Silver contract of an exported table: `customers`, `silver.customers` and `silver/customers` all name it.

    Raises:
        PermanentError: no exported table has that name; the message lists those that there are.
    """
    for table in EXPORTED_TABLES:
        if name in (table.short_name, table.name, table.path):
            return table
    raise PermanentError(
        "there is no such table",
        expected=f"one of {', '.join(table.short_name for table in EXPORTED_TABLES)}",
        found=repr(name),
        do="name one of these; a new table is added in medallion_assets/tables.py",
    )


def published_table(name: str, prefix: str = "") -> tuple[Table, Table]:
    """A Gold table and the contract it is published to, by the latter's name or that of its DynamoDB table.

    Raises:
        PermanentError: nothing is published under that name; the message lists the names that there are.
    """
    for gold, serving in PUBLISHED_TABLES:
        if name in (serving.short_name, serving.name, serving.path, prefix + serving.short_name):
            return gold, serving
    raise PermanentError(
        "nothing is published there",
        expected=f"one of {', '.join(prefix + serving.short_name for _, serving in PUBLISHED_TABLES)}",
        found=repr(name),
        do="name one of these; MEDALLION_SERVING_PREFIX says how their names begin",
    )

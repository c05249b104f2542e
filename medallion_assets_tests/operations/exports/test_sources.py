"""What a person looks at when data stop coming follows from the sources that a table is made of."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.operations.alerts.arrivals import no_new_records
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.rules import stale_table
from medallion_assets.operations.exports.sources import see_arrivals
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets_tests.operations.planted import NOW
from medallion_assets_tests.pipeline import CUSTOMERS, declared, pipeline_with

BOTH = Catalog((TRANSACTIONS, STAR_SCHEMA))


class CopiedExports(DynamoDBExports):
    """Exports that the UI shows otherwise."""

    technology: ClassVar[str] = "s3"


@pytest.mark.parametrize(
    ("table", "is_of_exports"),
    [
        ("bronze.customers", True),
        ("gold.customer_ltv", True),
        ("serving.customer_ltv_metrics", True),
        ("bronze.orders", False),
        ("silver.orders", False),
        ("gold.mart_revenue", False),
        ("gold.of_nobody", False),
    ],
)
def test_tables_of_files_are_not_sent_to_exports_beside_tables_of_exports(table: str, is_of_exports: bool) -> None:
    """`exports verify` knows nothing of files; alerts and dashboard say the same."""
    assert ("exports verify" in see_arrivals(BOTH, table)) is is_of_exports
    row = Freshness(table=table, last_refreshed=NOW, row_count=1, sla_hours=1, is_stale=True)
    (stale,) = stale_table(AlertFacts(freshness=[row], catalog=BOTH), NOW)
    assert ("exports verify" in stale.do) is is_of_exports
    silent = Freshness(table=table, last_refreshed=NOW, row_count=1, sla_hours=1, is_stale=False)
    last = {table: NOW - timedelta(hours=2)}
    (alert,) = no_new_records(AlertFacts(freshness=[silent], last_records=last, catalog=BOTH), NOW)
    assert ("exports" in alert.do) is is_of_exports


def test_exports_are_told_by_what_their_source_says_and_not_by_its_icon() -> None:
    catalog = Catalog((pipeline_with(declared(CUSTOMERS, source=CopiedExports())),))
    assert "exports verify" in see_arrivals(catalog, "bronze.customers")

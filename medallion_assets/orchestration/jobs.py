"""Jobs: which stages a run may hold, with its limits as Dagster's tags.

Belongs here: the jobs, and the tags that every run of some stages carries.
Does not: when they run (the sensors and schedules of this room).
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from medallion_assets.contracts.table import Table
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.tables import EXPORTED_TABLES, PUBLISHED_TABLES
from medallion_assets.refining.bronze import bronze_table

INGEST, REFINE, DAILY = "ingest", "refine", "daily_gold_and_publish"
INGEST_AND_REFINE = "ingest_and_refine"
_BRONZE = tuple(bronze_table(table.short_name) for table in EXPORTED_TABLES)
_SILVER = (*EXPORTED_TABLES, ENRICHED_TRANSACTIONS)
JOB_TABLES: dict[str, tuple[Table, ...]] = {
    INGEST: _BRONZE,
    REFINE: _SILVER,
    INGEST_AND_REFINE: (*_BRONZE, *_SILVER),
    DAILY: tuple(table for pair in PUBLISHED_TABLES for table in pair),
}
"""The tables whose stages a job may hold."""
LIVE_PRIORITY, RECENT_PRIORITY, CATCH_UP_PRIORITY = 10, 8, 5
"""Priorities of runs: exports and the nightly close go first, then recent days that Silver changed, then what was
missed or is old; backfills have 0."""
CATCHES_UP = "medallion/catches_up"
"""The tag of runs that catch up: deploy/dagster.yaml lets one at a time begin, so that live work finds a free place."""


def run_tags(tables: Collection[Table], *, priority: int = LIVE_PRIORITY) -> dict[str, str]:
    """The tags of a run of some stages: its time limit, and how often it is started anew after that or a crash."""
    again = [table.limits.retries for table in tables if table.limits.retry_on_timeout]
    return {
        "dagster/max_runtime": str(sum(table.limits.time_limit_seconds for table in tables)),
        "dagster/max_retries": str(max(again, default=0)),
        "dagster/priority": str(priority),
    }


def jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """Every job that moves data. Steps of a run go one after another in its process: that starts fastest."""
    return [
        _job(INGEST, "Load every complete export that is not in, each exactly once."),
        _job(REFINE, "Judge and publish what Bronze holds; enrich the days that this touches."),
        _job(INGEST_AND_REFINE, "Both in one run: what an export is loaded by when no timer keeps Silver waiting."),
        _job(DAILY, "Build days of Gold and publish them to DynamoDB."),
    ]


def _job(name: str, description: str) -> dg.UnresolvedAssetJobDefinition:
    tables = JOB_TABLES[name]
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*(asset_key(table) for table in tables)),
        description=description,
        tags=run_tags(tables, priority=0),
        executor_def=dg.in_process_executor,
    )

"""What the monitor keeps: how far each stage has come, and how fresh each table is.

Belongs here: the tables `operations.pipeline_checkpoint` and `operations.data_freshness`, each written as a whole.
Does not: what stands in them (operations.checkpoint, operations.freshness), or when they are written
(orchestration.assets.monitor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from medallion_assets.contracts.table import Boolean, Column, Date, Float, Integer, Table, Text, TimestampUtc
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse

PIPELINE_CHECKPOINT = Table(
    name="operations.pipeline_checkpoint",
    description="How far every stage has come, read from the tables' own logs; serving from operations.pipeline_runs.",
    key=("pipeline", "stage"),
    columns=(
        Column("pipeline", Text(), "the job that runs the stage"),
        Column("stage", Text(), "the table that the stage writes: layer.table"),
        Column("last_success", TimestampUtc(), "when it last committed or published; null: never", nullable=True),
        Column("watermark", Text(), "the last export, or source@version, that is in; null: nothing yet", nullable=True),
        Column("covered_until", TimestampUtc(), "Bronze and Silver: no write before this is missing", nullable=True),
        Column("last_day", Date(), "the last business day that it holds or published", nullable=True),
        Column("waiting", Integer(), "exports or source versions that are not in; null: not known here", nullable=True),
        Column("table_version", Integer(), "the table's version; serving: the Gold version published", nullable=True),
        Column("run_id", Text(), "the Dagster run of the last success; null when a command did it", nullable=True),
        Column("told_by", Text(), "log, or pipeline_runs: where all this is known from, and what of it makes no sense"),
    ),
)
DATA_FRESHNESS = Table(
    name="operations.data_freshness",
    description="When every table was last refreshed, and whether that is longer ago than its contract allows.",
    key=("table",),
    columns=(
        Column("table", Text(), "layer.table"),
        Column(
            "last_refreshed", TimestampUtc(), "the last commit, or attempt that succeeded; null: never", nullable=True
        ),
        Column(
            "row_count", Integer(), "rows as the log says, tombstones too; null: not made, or serving", nullable=True
        ),
        Column("sla_hours", Float(), "the age at which it counts as stale; null: nothing promises one", nullable=True),
        Column("is_stale", Boolean(), "whether it is older than that"),
    ),
)
MONITORING_TABLES = (PIPELINE_CHECKPOINT, DATA_FRESHNESS)


def replace_rows(lakehouse: Lakehouse, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Make the table hold these rows (its columns) and no others; give its version.

    Nothing is committed where it holds them already: monitoring every few minutes leaves no commits without news.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    key = list(table.key)
    wanted = pl.DataFrame([dict(row) for row in rows], schema=polars_schema(table), orient="row").sort(key)

    def replace() -> int:
        snapshot = lakehouse.ready(table)
        if snapshot.scan().collect().sort(key).equals(wanted):
            return snapshot.version
        held = snapshot.files["path"].to_list() if snapshot.files.height else []
        return snapshot.commit([snapshot.stage(wanted.lazy())], remove=held)

    return until_committed(replace)

"""What the monitor keeps: how far each stage has come, and how fresh each table is.

Belongs here: the rows of `operations.pipeline_checkpoint` and `operations.data_freshness`, written as a whole.
Does not: what stands in them, or when they are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.row_tables.rows import Row, RowTable, commit_rows, frame_of, row_table
from medallion_assets.delta.table import Lakehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a stage has come."""

    pipeline: Annotated[str, "the job that runs the stage"]
    stage: Annotated[str, "the table that the stage writes: layer.table"]
    last_success: Annotated[datetime | None, "when it last committed or published; null: never"] = None
    watermark: Annotated[str | None, "the last loaded batch, or source@version; null: none yet"] = None
    covered_until: Annotated[datetime | None, "no write before this is missing; null: nothing covered, or unknown"] = (
        None
    )
    last_day: Annotated[date | None, "the last business day that it contains or published"] = None
    waiting: Annotated[int | None, "batches or source versions not loaded yet; null: unknown"] = None
    table_version: Annotated[int | None, "the table's version; serving: the Gold version published"] = None
    run_id: Annotated[str | None, "the Dagster run of the last success; null when a command did it"] = None
    told_by: Annotated[str, "log, or pipeline_runs: the source of this row, and which of its values make no sense"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How fresh a table is: how far its data reach, against how far they have to (rule V4)."""

    table: Annotated[str, "layer.table"]
    last_refreshed: Annotated[datetime | None, "the last commit, or attempt that succeeded; null: never"]
    row_count: Annotated[int | None, "rows as the log says, tombstones too; null: not made, or serving"]
    sla_hours: Annotated[float | None, "how far behind its data may be; null: nothing promises it"]
    is_stale: Annotated[bool, "whether they are further behind than that"]
    covered_until: Annotated[datetime | None, "no write before this is missing; null: nothing covered, or unknown"] = (
        None
    )
    hours_since_refresh: Annotated[int | None, "whole hours since last_refreshed; null: never"] = None
    measured_at: Annotated[datetime | None, "the end of a sample, which it is measured against; null: now"] = None

    @property
    def state(self) -> str:
        """`fresh`, `stale`, or `unknown` where nobody says how far its data reach; empty where nothing is promised."""
        if self.is_stale:
            return "stale"
        if self.sla_hours is None:
            return ""
        return "unknown" if self.covered_until is None else "fresh"

    @property
    def never(self) -> str:
        """That nobody has made the table yet, or published it; empty once somebody has."""
        return "never refreshed" if self.last_refreshed is None else ""

    def behind(self, now: datetime) -> timedelta | None:
        """How far behind its data are, against which `sla_hours` stands; None where nobody says it."""
        return None if self.covered_until is None else (self.measured_at or now) - self.covered_until


PIPELINE_CHECKPOINT = row_table(
    Checkpoint,
    name="operations.pipeline_checkpoint",
    description="Progress of every stage, read from the tables' own logs; serving from operations.pipeline_runs.",
    key=("pipeline", "stage"),
)
DATA_FRESHNESS = row_table(
    Freshness,
    name="operations.data_freshness",
    description="How far the data of every table reach, and whether that is further behind than its declaration "
    "allows.",
    key=("table",),
)
MONITORING_TABLES = (PIPELINE_CHECKPOINT, DATA_FRESHNESS)


def replace_rows(lakehouse: Lakehouse, table: RowTable[Row], rows: Sequence[Row]) -> int:
    """Make the table hold these rows and no others; give its version.

    Nothing is committed where it holds them already: monitoring every few minutes leaves no commits without news.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    wanted = frame_of(table, rows).sort(table.key)

    def replace() -> int:
        snapshot = lakehouse.ready(table)
        if snapshot.scan().collect().sort(table.key).equals(wanted):
            return snapshot.version
        return commit_rows(snapshot, table, rows, instead=True)

    return until_committed(replace)

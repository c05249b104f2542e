"""Pipeline runs: one row for every attempt of a stage, whatever became of it.

Belongs here: the `operations.pipeline_runs` table, appended to by the stages themselves.
Does not: reading it for people (operations), or the attempts that a killed process could not tell of
(orchestration.runs.lost_attempts).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import polars as pl

from medallion_assets.contracts.table import Column, Date, Float, Integer, Table, Text, TimestampUtc
from medallion_assets.delta.appending import append_rows
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse

PIPELINE_RUNS = Table(
    name="operations.pipeline_runs",
    description="Every attempt of every stage: what it read and wrote, how long it took, and what became of it.",
    key=("run_id", "stage", "attempt"),
    partition_by="run_date",
    columns=(
        Column("run_id", Text(), "the Dagster run"),
        Column("job", Text(), "the Dagster job", nullable=True),
        Column("stage", Text(), "the table that the stage writes: layer.table"),
        Column("attempt", Integer(), "from 1 in its run; Dagster's retries count"),
        Column("partition", Text(), "the day, first...last, or a list of these; null without days", nullable=True),
        Column("trigger", Text(), "what asked for the run; null when a person did", nullable=True),
        Column("started_at", TimestampUtc(), "when the attempt began"),
        Column("records_in", Integer(), "rows or records read; null when the attempt did not get there", nullable=True),
        Column("records_out", Integer(), "rows written", nullable=True),
        Column("records_quarantined", Integer(), "records that went to quarantine", nullable=True),
        Column("duration_seconds", Float(), "of the attempt, its waits before retries included"),
        Column("quality_score", Float(), "good records over all records, 0 to 1", nullable=True),
        Column("table_version", Integer(), "the table's version after it", nullable=True),
        Column("consumed_wcu", Float(), "write capacity units that publishing was charged", nullable=True),
        Column("target_wcu", Float(), "write capacity units a second that it might use", nullable=True),
        Column("publishing_seconds", Float(), "of duration_seconds, those in which it wrote", nullable=True),
        Column("peak_memory_bytes", Integer(), "the most that its process held; null when it was lost", nullable=True),
        Column("outcome", Text(), "succeeded, failed, canceled or lost"),
        Column("error", Text(), "what a person needs to know; null when it succeeded", nullable=True),
        Column("run_date", Date(), "UTC day of started_at"),
    ),
)
DAYS_AT_ONCE = 30


class Outcome(StrEnum):
    """What became of an attempt."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"
    """Its process ended without a word: killed, or out of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAttempt:
    """One row of PIPELINE_RUNS; `run_date` follows from `started_at`."""

    run_id: str
    stage: str
    attempt: int
    started_at: datetime
    duration_seconds: float
    outcome: Outcome
    job: str | None = None
    partition: str | None = None
    trigger: str | None = None
    records_in: int | None = None
    records_out: int | None = None
    records_quarantined: int | None = None
    quality_score: float | None = None
    table_version: int | None = None
    consumed_wcu: float | None = None
    target_wcu: float | None = None
    publishing_seconds: float | None = None
    peak_memory_bytes: int | None = None
    error: str | None = None


def record_attempts(lakehouse: Lakehouse, attempts: Collection[StageAttempt], *, if_unknown: bool = False) -> None:
    """Append attempts, one commit for each day on which they began; with `if_unknown` those alone that have no row."""
    days = sorted({attempt.started_at.date() for attempt in attempts})
    for day in days:
        rows = [{**asdict(one), "run_date": day} for one in attempts if one.started_at.date() == day]
        append_rows(lakehouse, PIPELINE_RUNS, rows, day=day, if_unknown=if_unknown)


def read_attempts(lakehouse: Lakehouse, *, since: date | None = None) -> pl.DataFrame:
    """The attempts that began on `since` (UTC) or later, or all of them, oldest first; the columns of PIPELINE_RUNS.

    Of an attempt that was taken for lost and told of itself after all, its own word counts.
    """
    if not lakehouse.exists(PIPELINE_RUNS):
        return pl.DataFrame(schema=polars_schema(PIPELINE_RUNS))
    snapshot = lakehouse.open(PIPELINE_RUNS)
    days = [day for day in snapshot.partitions if day is not None and (since is None or day >= since)]
    return (
        snapshot.scan(partitions=days)
        .sort(pl.col("outcome") != Outcome.LOST, "started_at")
        .unique(PIPELINE_RUNS.key, keep="last", maintain_order=True)
        .sort("started_at", *PIPELINE_RUNS.key)
        .collect()
    )


def knows_run(lakehouse: Lakehouse, run_id: str) -> bool:
    """Whether a stage of this lakehouse ever made an attempt in that run."""
    found = lakehouse.find(PIPELINE_RUNS)
    if found is None:
        return False
    rows = found.scan().filter(pl.col("run_id") == run_id)
    return not rows.select("run_id").head(1).collect().is_empty()


def last_successes(lakehouse: Lakehouse, stages: Collection[str]) -> dict[str, dict[str, Any]]:
    """The row of each stage's attempt that succeeded and ended last, with `ended_at`; stages without one are absent.

    Days are read from the newest back, until every stage has one.
    """
    if not lakehouse.exists(PIPELINE_RUNS):
        return {}
    snapshot, found = lakehouse.open(PIPELINE_RUNS), dict[str, dict[str, Any]]()
    days = [day for day in reversed(snapshot.partitions) if day is not None]
    for chunk in (days[first : first + DAYS_AT_ONCE] for first in range(0, len(days), DAYS_AT_ONCE)):
        ended_at = pl.col("started_at") + pl.duration(microseconds=(pl.col("duration_seconds") * 1e6).cast(pl.Int64))
        rows = (
            snapshot.scan(partitions=chunk)
            .filter(pl.col("outcome") == Outcome.SUCCEEDED, pl.col("stage").is_in(sorted(set(stages) - found.keys())))
            .with_columns(ended_at.alias("ended_at"))
            .sort("ended_at", *PIPELINE_RUNS.key)
            .collect()
        )
        found.update({row["stage"]: row for row in rows.iter_rows(named=True)})
        if found.keys() >= set(stages):
            break
    return found

"""Incidents: the `operations.incidents` table, one row for each stage that failed in a run.

Belongs here: the table, writing a row once, and reading rows.
Does not: finding out what happened (orchestration.runs.diagnosis), or how it looks in Dagster
(orchestration.assets.incidents).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime

import polars as pl

from medallion_assets.contracts.table import Column, Date, Integer, Table, Text, TimestampUtc
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse

INCIDENTS = Table(
    name="operations.incidents",
    description="Every stage that failed in a run: why, on which export and rows, and what a person can do.",
    key=("run_id", "stage"),
    partition_by="failed_date",
    columns=(
        Column("incident_id", Text(), "run_id/stage"),
        Column("run_id", Text(), "the Dagster run that failed"),
        Column("job", Text(), "its job"),
        Column("stage", Text(), "the table that the stage writes: layer.table; the job where no stage began"),
        Column("partition", Text(), "the day, or first...last of several; null without partitions", nullable=True),
        Column("trigger", Text(), "what asked for the run; null when a person did", nullable=True),
        Column("cause", Text(), "the exports or table versions that it was asked for", nullable=True),
        Column("export_id", Text(), "the export that failed its check, where one did", nullable=True),
        Column("error", Text(), "what the stage said, whole"),
        Column("headline", Text(), "the part of the error that says what is wrong, and where"),
        Column("expected", Text(), "the part of the error that says so", nullable=True),
        Column("found", Text(), "the part of the error that says so", nullable=True),
        Column("do", Text(), "the part of the error that says what to do", nullable=True),
        Column("reasons", Text(), "why rows were bad, with counts", nullable=True),
        Column("sample", Text(), "some of the bad rows: a JSON list of objects, long values cut", nullable=True),
        Column("failed_checks", Text(), "the checks that failed, with their figures: a JSON list", nullable=True),
        Column("last_good_version", Integer(), "the table's version that its last success made", nullable=True),
        Column("last_good_at", TimestampUtc(), "when that was", nullable=True),
        Column("failed_at", TimestampUtc(), "when the run ended"),
        Column("raised_at", TimestampUtc(), "when this was looked into"),
        Column("failed_date", Date(), "UTC day of failed_at"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One row of INCIDENTS; `incident_id` and `failed_date` follow from the others."""

    run_id: str
    job: str
    stage: str
    error: str
    headline: str
    failed_at: datetime
    raised_at: datetime
    partition: str | None = None
    trigger: str | None = None
    cause: str | None = None
    export_id: str | None = None
    expected: str | None = None
    found: str | None = None
    do: str | None = None
    reasons: str | None = None
    sample: str | None = None
    failed_checks: str | None = None
    last_good_version: int | None = None
    last_good_at: datetime | None = None

    @property
    def incident_id(self) -> str:
        """What names the incident: looking into a run twice finds the same ones."""
        return f"{self.run_id}/{self.stage}"

    @property
    def row(self) -> dict[str, object]:
        """The row of the table."""
        return {**asdict(self), "incident_id": self.incident_id, "failed_date": self.failed_at.date()}


def record_incidents(lakehouse: Lakehouse, incidents: Collection[Incident]) -> list[Incident]:
    """Write the incidents that are not known yet, one commit for each day, and give those; the first telling stays.

    A day is one file: it is written anew with each new incident, of which there are few.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    return [
        one
        for day in sorted({incident.failed_at.date() for incident in incidents})
        for one in _record(lakehouse, day, [incident for incident in incidents if incident.failed_at.date() == day])
    ]


def read_incidents(lakehouse: Lakehouse, *, since: date | None = None) -> pl.DataFrame:
    """The incidents of runs that failed on `since` (UTC) or later, or all, oldest first; the columns of INCIDENTS."""
    if not lakehouse.exists(INCIDENTS):
        return pl.DataFrame(schema=polars_schema(INCIDENTS))
    snapshot = lakehouse.open(INCIDENTS)
    days = [day for day in snapshot.partitions if since is None or (day is not None and day >= since)]
    return snapshot.scan(partitions=days).sort("failed_at", "incident_id").collect()


def _record(lakehouse: Lakehouse, day: date, incidents: Collection[Incident]) -> list[Incident]:
    def record() -> list[Incident]:
        snapshot = lakehouse.ready(INCIDENTS)
        held = snapshot.scan(partitions=[day]).collect()
        known = set(held["incident_id"])
        new = [incident for incident in incidents if incident.incident_id not in known]
        if new:
            rows = pl.DataFrame([one.row for one in new], schema=polars_schema(INCIDENTS))
            replaced = snapshot.partition_files([day])["path"].to_list() if held.height else []
            snapshot.commit([snapshot.stage(pl.concat([held, rows]).lazy(), partition=day)], remove=replaced)
        return new

    return until_committed(record)

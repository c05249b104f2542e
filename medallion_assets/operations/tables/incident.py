"""Incidents: the `operations.incidents` table, one row for each stage that failed in a run.

Belongs here: the table, writing a row once, its end, and reading rows.
Does not: finding out what happened or whether it is over, or how it looks in Dagster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Annotated

from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.row_tables.rows import append_rows, frame_of, read_rows, row_table, rows_of
from medallion_assets.delta.table import Lakehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One stage that failed in a run. Looking into a run twice finds the same ids."""

    incident_id: Annotated[str, "run_id/stage"] = field(init=False)
    run_id: Annotated[str, "the Dagster run that failed"]
    job: Annotated[str, "its job"]
    stage: Annotated[str, "the table that the stage writes: layer.table; the job where no stage began"]
    partition: Annotated[str | None, "the day, or first...last of several; null without partitions"] = None
    trigger: Annotated[str | None, "what requested the run; null when a person did"] = None
    cause: Annotated[str | None, "the batches or table versions that it was requested for"] = None
    export_id: Annotated[str | None, "the batch that the stage failed on, where it was one"] = None
    error: Annotated[str, "what the stage said, whole"]
    error_kind: Annotated[str | None, "what of the error stays the same when it happens again"] = None
    headline: Annotated[str, "the part of the error that says what is wrong, and where"]
    expected: Annotated[str | None, "the part of the error that says so"] = None
    found: Annotated[str | None, "the part of the error that says so"] = None
    do: Annotated[str | None, "the part of the error that says what to do"] = None
    reasons: Annotated[str | None, "why rows were bad, with counts"] = None
    sample: Annotated[str | None, "some of the bad rows: a JSON list of objects, long values cut"] = None
    failed_checks: Annotated[str | None, "the checks that failed, with their figures: a JSON list"] = None
    last_good_version: Annotated[int | None, "the table's version that its last success made"] = None
    last_good_at: Annotated[datetime | None, "when that was"] = None
    failed_at: Annotated[datetime, "when the run ended"]
    raised_at: Annotated[datetime, "when it was diagnosed"]
    ended_at: Annotated[datetime | None, "when a later run succeeded in what failed; null until then"] = None

    def __post_init__(self) -> None:
        """Name the incident."""
        object.__setattr__(self, "incident_id", f"{self.run_id}/{self.stage}")


INCIDENTS = row_table(
    Incident,
    name="operations.incidents",
    description="Every stage that failed in a run: why, on which batch and rows, and what a person can do.",
    key=("run_id", "stage"),
    partition_by="failed_date",
    day_of="failed_at",
)


def record_incidents(lakehouse: Lakehouse, incidents: Collection[Incident]) -> list[Incident]:
    """Write the incidents that are not known yet, one commit for each day, and give those; the first of two stays.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    return append_rows(lakehouse, INCIDENTS, incidents, if_unknown=True)


def end_incidents(lakehouse: Lakehouse, ended: Iterable[Incident]) -> None:
    """Write the ends of incidents, one commit for each day on which they failed; the first end of two stays.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    by_day: dict[date, dict[str, datetime | None]] = {}
    for incident in ended:
        by_day.setdefault(incident.failed_at.date(), {})[incident.incident_id] = incident.ended_at
    for day, ends in by_day.items():
        until_committed(partial(_end, lakehouse, day, ends))


def _end(lakehouse: Lakehouse, day: date, ends: Mapping[str, datetime | None]) -> None:
    """Replace a day's rows by the same with their ends, on the version that they were read from."""
    snapshot = lakehouse.ready(INCIDENTS)
    rows = rows_of(INCIDENTS, snapshot.scan(partitions=[day]).collect())
    changed = [row if row.ended_at else replace(row, ended_at=ends.get(row.incident_id)) for row in rows]
    if changed != rows:
        written = snapshot.folder.write(frame_of(INCIDENTS, changed).lazy(), partition=day)
        snapshot.commit([written], remove=snapshot.partition_files([day])["path"].to_list())


def read_incidents(lakehouse: Lakehouse, *, since: date | None = None) -> list[Incident]:
    """The incidents of runs that failed on `since` (UTC) or later, or all, oldest first."""
    return sorted(read_rows(lakehouse, INCIDENTS, since=since), key=attrgetter("failed_at", "incident_id"))

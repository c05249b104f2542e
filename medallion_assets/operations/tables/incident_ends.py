"""Ends of incidents: which are over, as a later run has done what failed.

Belongs here: what counts as that.
Does not: writing it, or what only Dagster knows of stages that leave no rows.

A stage has to have succeeded in an attempt that began after the run had failed: for every day that the incident names,
in one attempt or several. Incidents that are older than OPEN_DAYS stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.delta.row_tables.rows import rows_of
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.incident import Incident, read_incidents
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, Outcome, days_of, read_attempts

OPEN_DAYS = 30
Done = Callable[[str, str, datetime], datetime | None]
"""When a stage of a job that leaves no rows was done again after a moment; None: it was not."""


def open_incidents(lakehouse: Lakehouse, now: datetime) -> list[Incident]:
    """The incidents of the last OPEN_DAYS that have not ended, oldest first."""
    incidents = read_incidents(lakehouse, since=(now - timedelta(days=OPEN_DAYS)).date())
    return [incident for incident in incidents if incident.ended_at is None]


def ended_incidents(lakehouse: Lakehouse, now: datetime, done: Done) -> list[Incident]:
    """The open incidents that are over by now, with when they ended; `done` knows of stages that leave no rows."""
    unended = open_incidents(lakehouse, now)
    if not unended:
        return []
    attempts = read_attempts(lakehouse, since=unended[0].failed_at.date())
    with_rows = set(attempts["stage"])
    found = []
    for incident in unended:
        if incident.stage in with_rows:
            at = ended_at(incident, attempts)
        else:
            at = done(incident.stage, incident.job, incident.failed_at)
        found += [replace(incident, ended_at=at)] if at is not None else []
    return found


def ended_at(incident: Incident, attempts: pl.DataFrame) -> datetime | None:
    """When the stage had begun to do what failed and did it, by rows of PIPELINE_RUNS, oldest first; None: not yet."""
    later = attempts.filter(
        pl.col("stage") == incident.stage,
        pl.col("outcome") == Outcome.SUCCEEDED,
        pl.col("started_at") >= incident.failed_at,
    )
    missing = days_of(incident.partition)
    for attempt in rows_of(PIPELINE_RUNS, later):
        missing -= days_of(attempt.partition)
        if not missing:
            return attempt.started_at
    return None

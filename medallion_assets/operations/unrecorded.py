"""Unrecorded failures: of steps that leave no row in `operations.pipeline_runs`, such as a fetch or the monitor.

Belongs here: which of them nobody has done since, as their incidents say; what a fetch is called.
Does not: finding out that they failed, or what is said of them (status.py, dashboard/needs.py).

Whoever looks at attempts alone takes a pipeline for well whose API refuses every request.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.incident_ends import open_incidents
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.settings import QUERY_ALERTS_JOB

_LONGEST_RUN = timedelta(days=1)
"""So long before the end of a run its attempts may have begun."""


def fetch_of(table: Table) -> str:
    """What the step is called that brings the batches of a table from its API, where it has one."""
    return f"raw.{table.short_name}"


def unrecorded_failures(lakehouse: Lakehouse, now: datetime) -> list[Incident]:
    """The newest open incident of each such step, and of each job that began none, in the order of their first.

    Queries that found rows are none: their alerts tell of them. Nor are stages that no pipeline has any more: these
    have left rows.

    Raises:
        TransientError: the storage did not answer.
    """
    known, queries = {stage.table.name for stage in stages(lakehouse.catalog)}, f"{QUERY_ALERTS_JOB}."
    unknown = [found for found in open_incidents(lakehouse, now) if found.stage not in known]
    newest = {found.stage: found for found in unknown if not found.stage.startswith(queries)}
    if not newest:
        return []
    first = min(incident.failed_at for incident in newest.values())
    recorded = set(read_attempts(lakehouse, since=(first - _LONGEST_RUN).date())["stage"])
    return [incident for stage, incident in newest.items() if stage not in recorded]

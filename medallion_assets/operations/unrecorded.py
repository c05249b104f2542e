"""Unrecorded failures: of steps that leave no row in `operations.pipeline_runs`, such as a fetch or the monitor.

Belongs here: which of them nobody has done since, as their incidents say; what a fetch is called.
Does not: finding out that they failed, or what is said of them.

Whoever looks at attempts alone takes a pipeline for well whose API refuses every request.
What no pipeline has any more is not shown. Nor is it ended: another deployment may have it, in the same lakehouse.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.fetching import fetched_tables
from medallion_assets.operations.stages import REFRESH, stages
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.incident_ends import open_incidents
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.settings.schedules import QUERY_ALERTS_JOB

RAW, FETCH = "raw", "fetch"
"""Where fetches land what they bring; how the names of their jobs begin, before the table's."""
_LONGEST_RUN = timedelta(days=1)
"""So long before the end of a run its attempts may have begun."""


def fetch_of(table: Table) -> str:
    """What the step is called that brings the batches of a table from its API, where it has one."""
    return f"{RAW}.{table.short_name}"


def unrecorded_failures(lakehouse: Lakehouse, now: datetime) -> list[Incident]:
    """The newest open incident of each such step, and of each job that began none, in the order of their first.

    Queries that found rows are none: their alerts tell of them. Nor are stages that no pipeline has any more: these
    have left rows, and fetches a job, or Bronze's rows, by which they are known to be one.

    Raises:
        TransientError: the storage did not answer.
    """
    catalog, queries = lakehouse.catalog, f"{QUERY_ALERTS_JOB}."
    known = {stage.table.name for stage in stages(catalog)}
    fetches = {fetch_of(loaded.table) for pipeline in catalog.pipelines for loaded in fetched_tables(pipeline)}
    unknown = [found for found in open_incidents(lakehouse, now) if found.stage not in known]
    newest = {found.stage: found for found in unknown if not found.stage.startswith(queries)}
    if not newest:
        return []
    first = min(incident.failed_at for incident in newest.values())
    recorded = set(read_attempts(lakehouse, since=(first - _LONGEST_RUN).date())["stage"])
    return [
        incident
        for stage, incident in newest.items()
        if stage in fetches or not (stage in recorded or _is_fetch(incident, recorded))
    ]


def _is_fetch(incident: Incident, recorded: Collection[str]) -> bool:
    """Whether it is of a fetch, of whatever pipeline, and not of somebody's own asset that is called like one."""
    layer, _, name = incident.stage.partition(".")
    is_fetched = incident.job.endswith((f"{FETCH}_{name}", REFRESH)) or bronze_table(name).name in recorded
    return layer == RAW and is_fetched

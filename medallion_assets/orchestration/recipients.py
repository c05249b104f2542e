"""Recipients: whether the settings about alerts name tables and jobs that are there.

Belongs here: that check, at start and for `medallion validate`.
Does not: reading the settings, or which alerts go to whom.
"""

from __future__ import annotations

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.operations.stages import stages
from medallion_assets.orchestration.assets.fetched import fetch_lines
from medallion_assets.orchestration.assets.incidents import DIAGNOSE
from medallion_assets.orchestration.jobs import job_tables
from medallion_assets.settings import Settings
from medallion_assets.settings.alerts import ALERT_JOBS, RECIPIENTS, expect_names
from medallion_assets.settings.schedules import MONITOR, QUERY_ALERTS_JOB


def expect_known_recipients(settings: Settings, catalog: Catalog) -> None:
    """See that alerts are asked for of tables and jobs that there are.

    Raises:
        SettingsError: a name is of none; the message names the nearest that there is.
    """
    fetching = [job for pipeline in catalog.pipelines for job in fetch_lines(pipeline)]
    jobs = {*job_tables(catalog), *fetching, MONITOR, DIAGNOSE, QUERY_ALERTS_JOB}
    tables = {stage.table.name for stage in stages(catalog)}
    expect_names(ALERT_JOBS, settings.alert_jobs, jobs, "job")
    expect_names(RECIPIENTS, settings.alert_recipients, jobs | tables, "table or job")

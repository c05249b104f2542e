"""Audits of Gold days, and runs that build other tables: what publishing together has to know (rule P6).

Belongs here: reading it from Dagster's event log and runs.
Does not: what an audit looks at, or what follows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from functools import partial

import dagster as dg

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Snapshot
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.run_records import readable_runs
from medallion_assets.stages.together import OtherRuns

BEGUN = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def other_runs(instance: dg.DagsterInstance, run: dg.DagsterRun | None = None) -> OtherRuns:
    """What `run`, or a sensor, can ask about other runs.

    A queued run builds nothing yet: it may be waiting for this one's place. A run of a whole job does not name its
    tables, so it counts as building none.
    """

    def build(tables: Collection[Table]) -> bool:
        keys = {asset_key(table) for table in tables}
        begun = readable_runs(instance, dg.RunsFilter(statuses=BEGUN))
        others = [other.asset_selection or () for other in begun if run is None or other.run_id != run.run_id]
        return any(not keys.isdisjoint(selected) for selected in others)

    return OtherRuns(build=build, found_right=partial(is_audited, instance))


def is_audited(instance: dg.DagsterInstance, gold: Snapshot, day: date, version: int) -> bool:
    """Whether what a version of Gold (or a later one) holds of a day passed its checks, in the run that built it."""
    wanted = dg.AssetRecordsFilter(asset_key=asset_key(gold.table), asset_partitions=[str(day)])
    return any(
        built >= version and _passed(instance, record.run_id, gold.table)
        for record in instance.fetch_materializations(wanted, limit=1).records
        if (built := table_version(record, gold)) is not None
    )


def _passed(instance: dg.DagsterInstance, run_id: str, gold: Table) -> bool:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
    verdicts = [event.asset_check_evaluation_data for event in events]
    refused = [
        verdict for verdict in verdicts if not verdict.passed and verdict.severity is dg.AssetCheckSeverity.ERROR
    ]
    return not any(verdict.asset_key == asset_key(gold) for verdict in refused)


def table_version(record: dg.EventLogRecord, gold: Snapshot) -> int | None:
    """The version of this Gold table that a materialization of Gold or serving names; None when it names another table.

    One of a release that named no table is of this one if the table was there by then.
    """
    materialization = record.asset_materialization
    metadata = materialization.metadata if materialization is not None else {}
    version, table_id = metadata.get("table_version"), metadata.get("table_id")
    if not isinstance(version, dg.IntMetadataValue):
        return None
    if table_id is None:
        return version.value if gold.made_at <= datetime.fromtimestamp(record.timestamp, UTC) else None
    return version.value if table_id.value == gold.table_id else None

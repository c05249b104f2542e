"""Query alerts in Dagster: an asset whose checks are the queries that must find nothing, and the job that asks them.

Belongs here: what Dagster shows of them.
Does not: asking, or the words of alerts.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from medallion_assets.operations.alerts.queries import QueryAlert, QueryFinding, ask_all, record_findings
from medallion_assets.orchestration.alert_direct import keep_or_send
from medallion_assets.orchestration.dagster_tags import MAX_RUNTIME, PRIORITY
from medallion_assets.orchestration.reporting import AssetEvent, stage_errors
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG
from medallion_assets.settings import Settings
from medallion_assets.settings.schedules import QUERY_ALERTS_JOB
from medallion_assets.storage.workspace import workspace

KEY = dg.AssetKey(["operations", QUERY_ALERTS_JOB])


def query_alerts_asset(settings: Settings, queries: Sequence[QueryAlert]) -> dg.AssetsDefinition:
    """The asset that asks the queries, raises their alerts and keeps their incidents; each query is a check of it."""

    @dg.asset(
        key=KEY,
        group_name="operations",
        description="Runs the queries that must find no rows, and sends an alert for those that do.",
        owners=["team:data-platform"],
        kinds={"duckdb"},
        pool=KEY.to_python_identifier(),
        check_specs=[dg.AssetCheckSpec(asked.name, asset=KEY, description=asked.query) for asked in queries],
    )
    def query_alerts(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> Iterator[AssetEvent]:
        with stage_errors(), workspace() as folder:
            lake, now = lakehouse.lakehouse(), lakehouse.now()
            findings = list(ask_all(lake, queries, workspace=folder))
            wrong = [finding for finding in findings if not finding.is_well]
            alerts = [finding.alert(now, run_id=context.run.run_id) for finding in wrong]
            keep_or_send(lake, context.instance, settings, alerts, now)
            record_findings(lake, findings, now, run_id=context.run.run_id, trigger=context.run.tags.get(TRIGGER_TAG))
            yield from map(_verdict, findings)
            yield dg.MaterializeResult(metadata={"queries": len(findings), "found something": len(wrong)})

    return query_alerts


def query_alerts_job(queries: Sequence[QueryAlert]) -> "dg.UnresolvedAssetJobDefinition":
    """The job that asks them, which may take as long as they all may together, and some time for downloads."""
    most_seconds = sum(asked.at_most_seconds for asked in queries)
    return dg.define_asset_job(
        QUERY_ALERTS_JOB,
        selection=dg.AssetSelection.assets(KEY),
        description="Run the queries that must find no rows.",
        tags={MAX_RUNTIME: str(int(2 * most_seconds) + 300), PRIORITY: "0"},
        executor_def=dg.in_process_executor,
    )


def _verdict(finding: QueryFinding) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=KEY,
        check_name=finding.asked.name,
        passed=finding.is_well,
        severity=dg.AssetCheckSeverity.ERROR if finding.asked.severity == "failure" else dg.AssetCheckSeverity.WARN,
        metadata={"rows": finding.rows, "first_rows": list(finding.first_rows), "error": finding.error or "none"},
    )

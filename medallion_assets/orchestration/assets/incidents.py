"""The incident asset: on failure of any stage, what a person needs to know is put together and sent.

Belongs here: how a diagnosis looks in Dagster: run config, job, Markdown, and the alert that it makes.
Does not: the diagnosis, its table, or when it runs (triggers).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from medallion_assets.contracts.policies import Limits
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.alerts.failures import WINDOW_DAYS, failure_key, failure_of
from medallion_assets.operations.tables.alerts import Alert, raise_alerts
from medallion_assets.operations.tables.incident import INCIDENTS, Incident, read_incidents, record_incidents
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, read_attempts
from medallion_assets.orchestration.dagster_tags import MAX_RETRIES, MAX_RUNTIME
from medallion_assets.orchestration.reporting import column_schema
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.runs.diagnosis import diagnose
from medallion_assets.orchestration.runs.lost_attempts import record_lost_attempts
from medallion_assets.orchestration.runs.outcomes import finished_run
from medallion_assets.orchestration.trigger_context import TriggerContext
from medallion_assets.stages.figures import markdown_table

DIAGNOSE = "diagnose"
KEY = dg.AssetKey(["operations", "incident"])
TIME_LIMIT_SECONDS = 600
FOREIGN_DO = (
    "no error of this project says it: read its stack trace in the log of the run; where it leads through a transform "
    "of yours, correct that, and run the stage again"
)
"""What a person does about an error of a library, or of the code of a pipeline."""
SHOWN_CHARACTERS = 1_000
"""Of one value in the diagnosis that the UI shows."""


class IncidentConfig(dg.Config):
    """Run config of the diagnosis. A sensor fills it; a person may ask about any run that failed."""

    run_id: str = Field(description="the full id of the failed run, as on the runs page of the UI")
    trigger: TriggerContext = Field(default=TriggerContext(), description="what caused the run; changes nothing")


@dg.asset(
    key=KEY,
    group_name="operations",
    kinds={"deltalake"},
    owners=list(INCIDENTS.owners),
    metadata={"dagster/column_schema": column_schema(INCIDENTS)},
)
def incident(
    context: dg.AssetExecutionContext, config: IncidentConfig, lakehouse: LakehouseResource
) -> dg.MaterializeResult[None]:
    """Why a run failed: the stage, the batch, the reasons with some rows, and what to do; an alert tells it."""
    with lakehouse.retried(context, Limits()):
        run, now = finished_run(context.instance, config.run_id), lakehouse.now()
        incidents = failed_stages(run, diagnose(context.instance, run, now=now))
        lake = lakehouse.lakehouse_of(context)
        new = record_incidents(lake, incidents)
        record_lost_attempts(lake, context.instance, run)
        raise_alerts(lake, failure_alerts(lake, incidents), now)
        return dg.MaterializeResult(
            metadata={
                "diagnosis": dg.MetadataValue.md("\n\n".join(map(format_incident, incidents))),
                "failed_run": dg.MetadataValue.dagster_run(run.run_id),
                "stages": ", ".join(failure.stage for failure in incidents),
                "incidents": len(incidents),
                "incidents_new": len(new),
            }
        )


def diagnose_job() -> "dg.UnresolvedAssetJobDefinition":
    """The job that looks into a failed run."""
    return dg.define_asset_job(
        DIAGNOSE,
        selection=dg.AssetSelection.assets(KEY),
        description="Diagnose why a run failed, record it in operations.incidents, and send an alert.",
        tags={MAX_RUNTIME: str(TIME_LIMIT_SECONDS), MAX_RETRIES: "0"},
        executor_def=dg.in_process_executor,
    )


def incident_run_config(run_id: str, trigger: TriggerContext | None = None) -> dict[str, Any]:
    """The run config that asks for the diagnosis of a run."""
    config = {"run_id": run_id, **({"trigger": trigger.run_config()} if trigger else {})}
    return {"ops": {"__".join(KEY.path): {"config": config}}}


def is_diagnosis(run: dg.DagsterRun) -> bool:
    """Whether a run looks into another one: it is never looked into itself."""
    return run.job_name == DIAGNOSE or KEY in (run.asset_selection or ())


def failed_stages(run: dg.DagsterRun, incidents: list[Incident]) -> list[Incident]:
    """The incidents themselves.

    Raises:
        PermanentError: the run is a diagnosis itself, which is never looked into; or no stage of it failed.
    """
    if incidents and not is_diagnosis(run):
        return incidents
    raise PermanentError(
        f"run {run.run_id} has no failure to diagnose",
        expected="a run in which a stage failed",
        found="a diagnosis" if is_diagnosis(run) else f"a run that is {run.status.value}, and no stage of it failed",
        do="name another run in the run config, or read this one's log",
    )


def failure_alerts(lakehouse: Lakehouse, incidents: Sequence[Incident]) -> list[Alert]:
    """An alert for each stage that failed.

    Its key is that of the alert rule about failed stages, which knows them by their rows: whoever is first raises it,
    and the same cause raises one. An incident that is known counts as it was found first: what its stage last did well
    may be of a later run by now.
    """
    first = min(incident.failed_at for incident in incidents).date()
    try:
        attempts = read_attempts(lakehouse, since=first - timedelta(days=WINDOW_DAYS))
        known = {found.incident_id: found for found in read_incidents(lakehouse, since=first)}
        incidents = [known.get(incident.incident_id, incident) for incident in incidents]
    except LAKEHOUSE_ERRORS:  # the lakehouse is what fails: then the same cause may be two alerts
        attempts = pl.DataFrame(schema=polars_schema(PIPELINE_RUNS))
    return [_alert(incident, attempts, lakehouse.catalog.batch_word(incident.stage)) for incident in incidents]


def _alert(incident: Incident, attempts: pl.DataFrame, word: str) -> Alert:
    own = attempts.filter(pl.col("error_kind").is_not_null(), run_id=incident.run_id, stage=incident.stage)
    known = own.select(kind="error_kind", export_id="export_id", failed_at="started_at").to_dicts()
    without_row = {"kind": incident.error_kind, "export_id": incident.export_id, "failed_at": incident.failed_at}
    said = {"expected": incident.expected, "found": incident.found}
    parts = "".join(f"; {name}: {part}" for name, part in said.items() if part)
    places = [incident.stage, incident.partition, incident.export_id and f"{word} {incident.export_id}"]
    failure = known[-1] if known else without_row
    return Alert(
        key=failure_key(attempts, stage=incident.stage, last_good_at=incident.last_good_at, **failure),
        kind="failure",
        what=f"{incident.stage} failed: {incident.headline.removeprefix(f'{incident.stage}: ')}{parts}",
        where=", ".join(place for place in places if place),
        table=incident.stage,
        condition=failure_of(incident.run_id, incident.stage),
        do=incident.do or FOREIGN_DO,
        run_id=incident.run_id,
        job=incident.job,
    )


def format_incident(incident: Incident) -> str:
    """An incident as Markdown: its facts, what its checks found, and some bad rows."""
    good = None
    if incident.last_good_at is not None:
        good = f"{incident.last_good_version} of {incident.last_good_at:%Y-%m-%d %H:%M:%S} UTC"
    facts = {
        "error": incident.headline,
        "expected": incident.expected,
        "found": incident.found,
        "what to do": incident.do,
        "run": f"{incident.run_id} of {incident.job}",
        "partition": incident.partition,
        "export": incident.export_id,
        "trigger": " ".join(part for part in (incident.trigger or "a person", incident.cause) if part),
        "last good version": good or "none",
        "failed at": f"{incident.failed_at:%Y-%m-%d %H:%M:%S} UTC",
    }
    rows = [{"what": name, "is": value} for name, value in facts.items() if value]
    parts = [f"### {incident.stage}", markdown_table(rows, longest=SHOWN_CHARACTERS)]
    if incident.failed_checks:
        checks = [
            {
                "failed check": check.pop("check"),
                "severity": check.pop("severity"),
                "figures": ", ".join(f"{name}: {value}" for name, value in check.items()),
            }
            for check in json.loads(incident.failed_checks)
        ]
        parts.append(markdown_table(checks, longest=SHOWN_CHARACTERS))
    if incident.sample:
        parts += ["Some of the bad rows:", markdown_table(json.loads(incident.sample), longest=SHOWN_CHARACTERS)]
    return "\n\n".join(parts)

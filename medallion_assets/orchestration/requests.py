"""Asking Dagster for runs: is one at work already, what a request looks like, and what happens when asking ends.

Belongs here: what the sensors and schedules of this room share.
Does not: when to ask (triggers).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.contracts.run_days import day_tags, ranges_of
from medallion_assets.contracts.table import Table
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.errors import MedallionError
from medallion_assets.errors.long_texts import cut
from medallion_assets.operations.stages import WITHOUT_JOB, closing_job, stages_of
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.orchestration.alert_direct import keep_or_send
from medallion_assets.orchestration.dagster_tags import MAX_RETRIES, SENSOR_NAME
from medallion_assets.orchestration.jobs import CATCH_UP_PRIORITY, CATCHES_UP, LIVE_PRIORITY, job_tables, run_tags
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_records import readable_runs
from medallion_assets.orchestration.runs.restart import JOINT_TAG
from medallion_assets.orchestration.steps import step_tables
from medallion_assets.orchestration.trigger_context import CAUSE_TAG, TriggerContext, merged
from medallion_assets.settings import Settings
from medallion_assets.triggers.debounce import ATTEMPTS
from medallion_assets.triggers.restated.batches import LIVE_DAYS

LAST_RUNS = 50
"""Among so many runs of a sensor the last one of a table is looked for."""
IN_PROGRESS = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
PART_CHARACTERS = 80
"""Of each part in the cause of a run for several tables: how many batches of which table, and one or two by name."""
CAUSE_CHARACTERS = 1000
"""Of the whole: PostgreSQL has tags in an index, and takes none of more than some 2,700 bytes."""
RUN_KEY = "dagster/run_key"
"""The tag with the key that a schedule or sensor asked for a run under."""


def timers_of(settings: Settings, timers: Timers) -> Timers:
    """Declared timers, unless the settings say that all are 0."""
    return timers if settings.uses_timers else AT_ONCE


def sensor_status(settings: Settings) -> dg.DefaultSensorStatus:
    """Whether sensors look by themselves as soon as a daemon runs: only where the settings ask for triggers."""
    return dg.DefaultSensorStatus.RUNNING if settings.uses_triggers else dg.DefaultSensorStatus.STOPPED


def is_at_work(instance: dg.DagsterInstance, catalog: Catalog, tables: Collection[Table]) -> bool:
    """Whether a run that writes one of some tables is queued or running, whatever started it."""
    return bool(runs_that_write(instance, catalog, tables))


def runs_that_write(instance: dg.DagsterInstance, catalog: Catalog, tables: Collection[Table]) -> list[dg.DagsterRun]:
    """The runs that write one of some tables and are queued or running, whatever started them."""
    keys = {asset_key(table) for table in tables}
    runs = readable_runs(instance, dg.RunsFilter(statuses=list(IN_PROGRESS)))
    return [run for run in runs if _writes(run, catalog, keys)]


def runs_of_key(instance: dg.DagsterInstance, asked: dg.RunRequest) -> int:
    """How many runs were asked for under the key of a request, whatever became of them."""
    return instance.get_runs_count(dg.RunsFilter(tags={RUN_KEY: str(asked.run_key)}))


def next_run_key(instance: dg.DagsterInstance, key: str) -> str:
    """`key#<number>`, with one more than the greatest number of a run that exists: people may delete others."""
    used = [value for _, values in instance.get_run_tags([RUN_KEY], value_prefix=f"{key}#") for value in values]
    numbers = [number for value in used if (number := value.removeprefix(f"{key}#")).isdecimal()]
    return f"{key}#{max(map(int, numbers), default=0) + 1}"


def under_new_key(instance: dg.DagsterInstance, asked: dg.RunRequest) -> dg.RunRequest:
    """A request under a run key that no run has: Dagster passes over one under a used key, and tells nobody."""
    if not runs_of_key(instance, asked):
        return asked
    return asked.with_replaced_attrs(run_key=next_run_key(instance, str(asked.run_key)))


def _writes(run: dg.DagsterRun, catalog: Catalog, keys: Collection[dg.AssetKey]) -> bool:
    """Whether a run writes one of some assets: those selected, or every one of its job."""
    if run.asset_selection is not None:
        return not run.asset_selection.isdisjoint(keys)
    of_job = {asset_key(table) for table in job_tables(catalog).get(run.job_name, ())}
    return run.job_name == WITHOUT_JOB or not of_job.isdisjoint(keys)


def request(
    pipeline: Pipeline,
    job: str,
    tables: Sequence[Table],
    context: TriggerContext,
    *,
    of: Table,
    run_key: str,
    month: date | None = None,
) -> dg.RunRequest:
    """A run of the pipeline's `job` that writes some tables; the config of each says why, as the run's tags do.

    Of tables that have months it is of one `month`.
    """
    of_month = {} if month is None else day_tags([(month, month)])
    return dg.RunRequest(
        run_key=f"{of.path}/{run_key}",
        job_name=pipeline.job(job),
        asset_selection=[asset_key(table) for table in tables],
        run_config=triggered_config(step_tables(stages_of(pipeline), tables), context),
        tags={**run_tags(stages_of(pipeline), tables), **context.tags(), **of_month},
    )


def days_request(
    pipeline: Pipeline,
    tables: Sequence[Table],
    days: Collection[date],
    *,
    trigger: TriggerContext,
    key: str,
    priority: int = LIVE_PRIORITY,
    catches_up: bool = False,
) -> dg.RunRequest:
    """A run of the job that makes Gold with the assets of `tables` for some days, or months: one run for all."""
    ranges = ranges_of(days)
    catches_up = catches_up or (ranges[-1][1] - ranges[0][0]).days >= LIVE_DAYS
    return dg.RunRequest(
        run_key=key,
        job_name=closing_job(pipeline),
        asset_selection=[asset_key(table) for table in tables],
        run_config=triggered_config(tables, trigger),
        tags={
            **run_tags(stages_of(pipeline), tables, priority=CATCH_UP_PRIORITY if catches_up else priority),
            **trigger.tags(shows_cause=len(ranges) == 1),
            **day_tags(ranges),
            **({CATCHES_UP: "yes"} if catches_up else {}),
        },
    )


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a run for several tables does for one of them: the tables that it makes, and why; `what` for people."""

    makes: Sequence[Table]
    why: TriggerContext
    what: str


def joint_request(pipeline: Pipeline, job: str, parts: Sequence[Part], *, run_key: str) -> dg.RunRequest:
    """One run of the pipeline's `job` for several parts.

    It may take as long as all of them together. Nothing starts it anew: nobody knows which part has ended it.
    """
    tables = list({table.name: table for part in parts for table in part.makes}.values())
    reasons = {table.name: [part.why for part in parts if table in part.makes] for table in tables}
    configs = [triggered_config([table], merged(reasons[table.name])) for table in tables]
    return dg.RunRequest(
        run_key=f"{pipeline.name}/{run_key}",
        job_name=pipeline.job(job),
        asset_selection=[asset_key(table) for table in tables],
        run_config={"ops": {name: op for config in configs for name, op in config["ops"].items()}},
        tags={
            **run_tags(stages_of(pipeline), tables),
            **merged([part.why for part in parts]).tags(),
            CAUSE_TAG: cut("; ".join(_said_of(part) for part in parts), CAUSE_CHARACTERS),
            MAX_RETRIES: "0",
            JOINT_TAG: "yes",
        },
    )


def _said_of(part: Part) -> str:
    return cut(f"{part.what}: {part.why.cause}", PART_CHARACTERS)


def triggered_config(tables: Sequence[Table], trigger: TriggerContext) -> dict[str, Any]:
    """Run config that hands the trigger context to the assets of `tables`."""
    config = {"config": {"trigger": trigger.run_config()}}
    return {"ops": {asset_key(table).to_python_identifier(): config for table in tables}}


def give_up(
    context: dg.SensorEvaluationContext,
    lakehouse: LakehouseResource,
    settings: Settings | None,
    *,
    of: Table,
    key: str,
    what: str,
) -> bool:
    """Tell people, once after the last run, that a sensor asks no more: `what` waits `of` a table; `key` names it.

    Gives whether they could be told.
    """
    by_this = dg.RunsFilter(tags={SENSOR_NAME: context.sensor_name})
    asked = readable_runs(context.instance, by_this, limit=LAST_RUNS)
    last = [run for run in asked if asset_key(of) in (run.asset_selection or ())]
    run_id = last[0].run_id if last else None
    context.log.warning("%s given up after %d attempts: %s; the last run was %s", of.path, ATTEMPTS, what, run_id)
    alert = Alert(
        key="/".join(["given_up", context.sensor_name, of.path, key, *([run_id] if run_id else [])]),
        kind="failure",
        what=f"{of.path} given up after {ATTEMPTS} attempts: {what}",
        where=context.sensor_name,
        table=of.name,
        do="look at the run; new batches, a decision or a manual run start it again",
        run_id=run_id,
        job=last[0].job_name if last else None,
    )
    return alert_or_log(context, lakehouse, settings, [alert])


def alert_or_log(
    context: dg.SensorEvaluationContext,
    lakehouse: LakehouseResource,
    settings: Settings | None,
    alerts: Collection[Alert],
) -> bool:
    """Alert people, and say whether that could be done.

    Alerts that can neither be kept nor sent stop no sensor, and stand in the log of its tick.
    """
    try:
        keep_or_send(lakehouse.lakehouse(), context.instance, settings, alerts, lakehouse.now())
    except LAKEHOUSE_ERRORS as error:
        what = "; ".join(alert.what for alert in alerts)
        log_error(context, f"alerts could neither be kept nor sent: {what}", error)
        return False
    return True


def log_error(context: dg.SensorEvaluationContext, what: str, error: Exception) -> None:
    """Log why a tick goes on without something: an error of ours says all in its message, another shows its stack."""
    context.log.error("%s: %s", what, error, exc_info=None if isinstance(error, MedallionError) else error)

"""Run-if sensors: they watch runs end, and ask for a job when a condition about them is met.

Belongs here: reading which runs ended, and the sensors themselves.
Does not: when a condition is met, or what became of a run.

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from typing import Any

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.sensor_names import DIAGNOSE_FAILURES
from medallion_assets.contracts.table import Table
from medallion_assets.contracts.triggers import Condition, RunIf, TaskValue
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import cut
from medallion_assets.operations.stages import stages
from medallion_assets.orchestration.assets.incidents import DIAGNOSE, incident_run_config
from medallion_assets.orchestration.dagster_tags import PRIORITY, RETRIED_BY
from medallion_assets.orchestration.hidden_tags import filters, hidden_tag, value_of
from medallion_assets.orchestration.hosting.shell_commands import ticks_in_messages
from medallion_assets.orchestration.jobs import JOBS, LIVE_PRIORITY, job_tables
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.requests import sensor_status, triggered_config
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_records import readable_records, readable_runs
from medallion_assets.orchestration.runs.outcomes import FINISHED, run_status, stage_ends
from medallion_assets.orchestration.sensors.cadence import minimum_interval
from medallion_assets.orchestration.steps import step_tables
from medallion_assets.orchestration.task_values import run_value
from medallion_assets.orchestration.trigger_context import CAUSE_TAG, TAG_CHARACTERS, TRIGGER_TAG, TriggerContext
from medallion_assets.settings import Settings
from medallion_assets.settings.schedules import DAILY, MONITOR
from medallion_assets.triggers.run_if import (
    EPOCH_SECONDS,
    ConditionMet,
    EndStatus,
    FinishedRun,
    RunIfCursor,
    evaluate,
)

INTERVAL_SECONDS = 10
LAST_RUNS = 10
"""Among so many runs of a sensor, the newest, one is looked for that can be read."""
MOST_RUNS = 100
"""So many runs a tick diagnoses, which ends within Dagster's 60 s; a sensor that was off goes on at the next."""
RECENT_SECONDS = 3600.0
"""How far a sensor looks back that has neither a cursor nor a run that it asked for."""
SENSOR_TAG, UNTIL_TAG = hidden_tag("run_if"), hidden_tag("run_if_until")
"""When the run ended that met the condition: where a sensor goes on whose cursor is lost."""


def run_if_sensors(settings: Settings, catalog: Catalog) -> list[dg.SensorDefinition]:
    """Whatever stage fails, its incident is looked into; and what the pipelines declare.

    Raises:
        PermanentError: a pipeline declares a condition about nothing, or for a job that it cannot start.
    """
    declared = [
        _declared(settings, catalog, pipeline, run_if_of)
        for pipeline in catalog.pipelines
        for run_if_of in pipeline.run_if
    ]
    return [
        *declared,
        run_if(
            DIAGNOSE_FAILURES,
            job=DIAGNOSE,
            upstream=[asset_key(stage.table).to_user_string() for stage in stages(catalog)],
            condition=Condition.AT_LEAST_ONE_FAILED,
            run_config=lambda ask: incident_run_config(ask.key, TriggerContext(trigger="run_if")),
            status=sensor_status(settings),
        ),
    ]


def _declared(settings: Settings, catalog: Catalog, pipeline: Pipeline, declared: RunIf) -> dg.SensorDefinition:
    tables_of = job_tables(catalog)
    job = pipeline.job(declared.job) if declared.job in JOBS else declared.job
    of_partitions = {other.job(DAILY) for other in catalog.pipelines}
    of_partitions |= {other.job(name) for other in catalog.pipelines if other.months for name in JOBS}
    startable = {*tables_of, MONITOR} - of_partitions  # nothing says which days or months
    known = {*tables_of, MONITOR, *(asset_key(stage.table).to_user_string() for stage in stages(catalog))}
    upstream = [_upstream(pipeline, named) for named in declared.upstream]
    unknown = sorted({*upstream} - known)
    if job not in startable or unknown:
        raise PermanentError(
            f"pipeline {pipeline.name} cannot declare the condition {declared.name}",
            expected=f"a job among {', '.join(sorted(startable))}, and upstream tables and jobs of the pipelines",
            found=f"{', '.join(unknown)} upstream" if unknown else f"the job {job}",
            do="correct it in the pipeline's declaration",
        )
    config = triggered_config(step_tables(stages(catalog), tables_of.get(job, ())), TriggerContext(trigger="run_if"))
    return run_if(
        declared.name,
        job=job,
        upstream=upstream,
        condition=declared.condition,
        value=declared.value,
        run_config=lambda _: config,
        status=sensor_status(settings),
    )


def _upstream(pipeline: Pipeline, named: Table | str) -> str:
    if isinstance(named, Table):
        return asset_key(named).to_user_string()
    return pipeline.job(named) if named in JOBS else named


def run_if(
    name: str,
    *,
    job: str,
    upstream: Collection[str],
    condition: Condition,
    value: TaskValue | None = None,
    run_config: Callable[[ConditionMet], Mapping[str, Any]] = lambda _: {},
    status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
    most_runs: int = MOST_RUNS,
) -> dg.SensorDefinition:
    """A sensor that runs `job` when `condition` holds for `upstream`: assets (`layer/table`), and names of jobs.

    With `value`, only where the run that met the condition reported that. `run_config` makes the run config from what
    met it. `status` says whether it looks without being switched on.

    Raises:
        PermanentError: nothing to watch, or the job watches itself and would run for ever.
    """
    names = set(upstream)
    if not names or job in names:
        raise PermanentError(
            f"the sensor {name} cannot watch that",
            expected=f"at least one asset or job, and not {job} itself",
            found=", ".join(sorted(names)) or "none",
            do="correct upstream",
        )

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=minimum_interval(INTERVAL_SECONDS),
        default_status=status,
        description=f"Runs {job} when {condition.replace('_', ' ')} of {', '.join(sorted(names))}.",
    )
    @ticks_in_messages()
    def sensor(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        now = lakehouse.now().timestamp()
        cursor = from_json_or_none(RunIfCursor, context.cursor)
        if cursor is None:
            cursor = recovered(context.instance, name, now)
        elif cursor.settled_until > now:  # the clock was set back: run keys see to it that nothing is started twice
            cursor = cursor.set_back(now)
        runs = list(islice(finished_runs(context, names, cursor), most_runs))
        reached = now if len(runs) < most_runs else min(now, runs[-1].ended_at)
        settled_until = cursor.settled_until
        asks, cursor = evaluate(condition, names, reached, cursor, runs)
        requests = [
            dg.RunRequest(
                run_key=f"{name}/{ask.key}", run_config=dict(run_config(ask)), tags=tags(name, ask, settled_until)
            )
            for ask in asks
            if value is None or has_reported(context.instance, ask.key, value)
        ]
        return dg.SensorResult(run_requests=requests, cursor=to_json(cursor))

    return sensor


def has_reported(instance: dg.DagsterInstance, run_id: str, value: TaskValue) -> bool:
    """Whether a stage reported such a value in a run. One that is no number, or is missing, is not large enough."""
    found = run_value(instance, run_id, asset_key(value.table), value.name)
    return isinstance(found, int | float) and found >= value.at_least


def finished_runs(
    context: dg.SensorEvaluationContext, names: Collection[str], cursor: RunIfCursor
) -> Iterator[FinishedRun]:
    """The runs that ended since the cursor, with what became of the named assets and jobs; not those it has handled.

    In the order in which they ended. One that Dagster has started anew has no outcome: the new one will have it. Those
    that cannot be read are left out: `run_outcomes` reports them.
    """
    instance, since = context.instance, datetime.fromtimestamp(cursor.settled_until, UTC)
    records = readable_records(instance, dg.RunsFilter(statuses=list(FINISHED), updated_after=since), [])
    ended = [(record.end_time, record.dagster_run) for record in records if record.end_time is not None]
    for ended_at, run in sorted(ended, key=itemgetter(0)):
        if not cursor.is_new(run.run_id, ended_at):
            continue
        status = run_status(run, retries_enabled=instance.run_retries_enabled)
        if status is EndStatus.PENDING:
            is_started = RETRIED_BY in run.tags
            if is_started or run.run_id not in cursor.waiting:
                yield FinishedRun(run_id=run.run_id, ended_at=ended_at, outcomes={}, is_final=is_started)
            continue
        try:
            ends = {asset: end.status for asset, end in stage_ends(instance, run).items()} | {run.job_name: status}
        except Exception:  # whatever one run has left in the event log, the others count
            context.log.exception("run %s cannot be diagnosed", run.run_id)
            ends = {run.job_name: status}
        outcomes = {name: ends[name] for name in names if name in ends}
        yield FinishedRun(run_id=run.run_id, ended_at=ended_at, outcomes=outcomes)


def recovered(instance: dg.DagsterInstance, name: str, now: float) -> RunIfCursor:
    """The cursor of a sensor that has lost it: it goes on after what last met its condition."""
    runs = (run for wanted in filters(SENSOR_TAG, name) for run in readable_runs(instance, wanted, limit=LAST_RUNS))
    asked = next(runs, None)
    try:
        until = value_of(UNTIL_TAG, asked.tags if asked else {})
        return RunIfCursor(settled_until=min(EPOCH_SECONDS.validate_python(until), now))
    except ValueError:
        return RunIfCursor(settled_until=now - RECENT_SECONDS)


def tags(name: str, ask: ConditionMet, settled_until: float) -> dict[str, str]:
    """What the run says of why it runs, and where its sensor goes on without a cursor: not before what is settled."""
    cause = ", ".join(f"{met.upstream} {met.status} in {met.run_id[:8]}" for met in ask.causes)
    return {
        TRIGGER_TAG: "run_if",
        CAUSE_TAG: cut(cause, TAG_CHARACTERS),
        SENSOR_TAG: name,
        UNTIL_TAG: repr(max(ask.ended_at, settled_until)),
        PRIORITY: str(LIVE_PRIORITY),
    }

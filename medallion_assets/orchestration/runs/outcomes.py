"""Run outcomes: what became of a run and of each of its stages, as Dagster's event log has it.

Belongs here: the one place that reads a stage's end, and the error of a step, out of the events of a run.
Does not: what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterEventType as Kind

from medallion_assets.errors import PermanentError, message_of
from medallion_assets.operations.tables.pipeline_runs import failed_checks
from medallion_assets.orchestration.dagster_tags import RETRIED_BY
from medallion_assets.orchestration.reporting import FAILURE_EXPORT, FAILURE_KIND, FAILURE_PARTS, key_named
from medallion_assets.orchestration.run_records import readable_records
from medallion_assets.triggers.run_if import EndStatus

WILL_RETRY_TAG = "dagster/will_retry"
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
ENDS = {Kind.STEP_SUCCESS, Kind.STEP_FAILURE, Kind.STEP_SKIPPED}
UNENDED = {Kind.STEP_START, Kind.STEP_RESTARTED, Kind.STEP_UP_FOR_RETRY}
"""A step whose last event is one of these has not ended."""
OF_STAGES = {Kind.ASSET_MATERIALIZATION_PLANNED, Kind.ASSET_MATERIALIZATION, *ENDS, *UNENDED}
FAILED_CHECKS_ERROR = "DagsterAssetCheckFailedError"
"""The name of the error with which Dagster fails a step whose blocking checks failed."""
MOST_SUCCESSES = 20
"""Among so many runs of a job that succeeded, the newest, one is looked for that began after a failure."""
WRAPPERS = {"DagsterExecutionStepExecutionError", "DagsterResourceFunctionError", "RetryRequested", "Failure"}
"""What Dagster, and `stage_errors`, put around the error of a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnd:
    """What became of an asset in a run, and the step that makes it."""

    step: str
    status: EndStatus


def run_status(run: dg.DagsterRun, *, retries_enabled: bool = False) -> EndStatus:
    """What became of a run; one that Dagster starts anew has not ended.

    `retries_enabled`: Dagster tags every failed run with whether it does; until then it is not known.
    """
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return EndStatus.SUCCEEDED
    if run.status is dg.DagsterRunStatus.CANCELED:
        return EndStatus.SKIPPED
    if run.status is not dg.DagsterRunStatus.FAILURE or RETRIED_BY in run.tags:  # whatever was said of it before
        return EndStatus.PENDING
    again = run.tags.get(WILL_RETRY_TAG, str(retries_enabled)).lower()
    return EndStatus.PENDING if again == "true" else EndStatus.FAILED


def stage_ends(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, StageEnd]:
    """What became of each asset (`layer/table`) that a finished run was to make, in the order of its plan."""
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=OF_STAGES)]
    return ends_of([event for event in events if event], run.status)


def ends_of(events: Iterable[dg.DagsterEvent], ended: dg.DagsterRunStatus) -> dict[str, StageEnd]:
    """The same, from the events themselves and how the run ended.

    A step that began and never ended was cut off: it failed, or was skipped if a person ended the run. When a run
    failed and no step of it did, its process could not even begin: then all that it did not make failed.
    """
    steps: dict[str, str] = {}
    made: set[str] = set()
    last: dict[str, Kind] = {}
    for event in events:
        kind, step = event.event_type, event.step_key or ""
        if kind in ENDS or kind in UNENDED:
            last[step] = kind
        elif event.asset_key is not None:
            asset = event.asset_key.to_user_string()
            steps.setdefault(asset, step)
            if kind is Kind.ASSET_MATERIALIZATION:
                made.add(asset)
    cut_off = EndStatus.SKIPPED if ended is dg.DagsterRunStatus.CANCELED else EndStatus.FAILED
    broke = any(end is Kind.STEP_FAILURE or end in UNENDED for end in last.values())
    is_lost = ended is dg.DagsterRunStatus.FAILURE and not broke

    def status(of_asset: str, of_step: str) -> EndStatus:
        end = last.get(of_step)
        if end is Kind.STEP_FAILURE:
            return EndStatus.FAILED
        if end in UNENDED:
            return cut_off
        if of_asset in made:
            return EndStatus.SUCCEEDED
        return EndStatus.FAILED if is_lost else EndStatus.SKIPPED

    return {name: StageEnd(step=key, status=status(name, key)) for name, key in steps.items()}


def step_error(event: dg.DagsterEvent, events: Iterable[dg.DagsterEvent] = ()) -> dict[str, Any]:
    """What a step said when it failed, or when it asked to be tried again: the parts of an Incident.

    An error of this project has left its own parts in the metadata. Of any other, and of one that a release before this
    one left without its headline, the headline is all of it. The same goes for a step that asked to be tried again: of
    its error Dagster keeps the type and text alone, so its kind is the type, and it has no export. The run's `events`
    name the checks that failed a step.
    """
    data: Any = event.event_specific_data
    said = getattr(data, "user_failure_data", None)
    if said is not None and said.description:
        names = {**FAILURE_PARTS, "error_kind": FAILURE_KIND, "export_id": FAILURE_EXPORT}
        parts = {part: said.metadata.get(name) for part, name in names.items()}
        texts = {part: None if value is None else str(value.value) for part, value in parts.items()}
        what, where = texts.pop("what"), texts.pop("where")
        headline = message_of(what, where=where) if what else said.description
        return {"error": said.description, "headline": headline, **texts}
    if data.error is None:
        text = event.message or "it said nothing"
        return {"error": text, "headline": text, "error_kind": None, "export_id": None}
    found = error_parts(data.error)
    if found["error_kind"] == FAILED_CHECKS_ERROR:
        found["error_kind"] = failed_checks(_broken_checks(events, event.step_key))
    return {**found, "export_id": None}


def error_parts(error: Any) -> dict[str, Any]:
    """What an error that is none of ours says, as Dagster keeps it, in parts of an Incident.

    Its own words, and not those of what Dagster puts around it.
    """
    while error.cause is not None and error.cls_name in WRAPPERS:
        error = error.cause
    text = error.message.strip()
    return {"error": text, "headline": text, "error_kind": error.cls_name}


def is_interrupt(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because it was told to end."""
    source = getattr(event.event_specific_data, "error_source", None)
    return source is not None and source.name == "INTERRUPT"


def _broken_checks(events: Iterable[dg.DagsterEvent], step: str | None) -> Iterator[str]:
    """The blocking checks that failed a step."""
    for event in events:
        if event.event_type is Kind.ASSET_CHECK_EVALUATION and event.step_key == step:
            check = event.asset_check_evaluation_data
            if check.blocking and not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
                yield check.check_name


def done_without_row(instance: dg.DagsterInstance, stage: str, job: str, since: datetime) -> datetime | None:
    """When a stage that leaves no rows, or a job that began none, was done again after `since`.

    None: it was not, or nothing that can be read says so; `run_outcomes` reports runs that cannot be read.
    """
    if stage != job:
        try:
            entry = instance.get_latest_materialization_event(key_named(stage))
        except Exception:  # noqa: BLE001 - whatever broke it, other stages have to be looked at
            return None
        made_at = datetime.fromtimestamp(entry.timestamp, UTC) if entry is not None else since
        return made_at if made_at > since else None
    succeeded = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=since)
    records = readable_records(instance, succeeded, [], limit=MOST_SUCCESSES)
    began = [record.start_time for record in records if record.start_time is not None]
    return next((at for start in began if (at := datetime.fromtimestamp(start, UTC)) > since), None)


def finished_run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """A run that has ended, by its id.

    Raises:
        PermanentError: there is no such run, or it has not ended.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.status not in FINISHED:
        raise PermanentError(
            f"run {run_id!r} cannot be diagnosed",
            expected="the id of a run that has ended, as the runs page of the UI shows it",
            found="no such run" if run is None else f"a run that is {run.status.value}",
            do="correct run_id in the run config, or wait until that run has ended",
        )
    return run

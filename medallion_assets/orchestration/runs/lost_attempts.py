"""Lost attempts: what a killed process could not write into operations.pipeline_runs itself.

Belongs here: reading Dagster's events of a run that ended badly, and the rows that follow from them.
Does not: noticing that a run has ended (triggers, the monitor).

A process that is killed (SIGKILL, out of memory, a lost host) reports nothing; Dagster has an event of the step's start
and none of its end. An attempt whose end Dagster knows, yet has no row, could not write it: it gets its row as well.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterEventType as Kind

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.run_days import days_named
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import REFRESH
from medallion_assets.operations.tables.pipeline_runs import (
    TIME_LIMIT,
    Outcome,
    StageAttempt,
    read_attempts,
    record_attempts,
)
from medallion_assets.orchestration.run_records import readable_runs
from medallion_assets.orchestration.runs.ends import kind_of_end, kind_of_interrupt
from medallion_assets.orchestration.runs.outcomes import is_interrupt, step_error
from medallion_assets.orchestration.steps import step_names
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG

LOOK_BACK = timedelta(days=3)
"""How far the monitor looks back for runs that ended badly."""
ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
BEGINNINGS = {Kind.STEP_START, Kind.STEP_RESTARTED}
ENDINGS = {
    Kind.STEP_SUCCESS: Outcome.SUCCEEDED,
    Kind.STEP_FAILURE: Outcome.FAILED,
    Kind.STEP_UP_FOR_RETRY: Outcome.FAILED,
}
ERROR_CHARACTERS = 2000
LOG = logging.getLogger(__name__)
RUN_ENDS = {Kind.RUN_CANCELING, Kind.RUN_CANCELED, Kind.RUN_FAILURE}
NOT_WRITTEN = "the attempt ended, and its row could not be written"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """When a run was over, the `kind` of its end, and what Dagster `said`; `interrupt` is that of steps told to end."""

    at: datetime
    kind: str
    said: str
    interrupt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """An attempt of a stage began (`outcome` is None), or ended, with what Dagster says of its failure."""

    stage: str
    at: datetime
    outcome: Outcome | None = None
    error: str | None = None
    error_kind: str | None = None
    export_id: str | None = None


def lost_attempts(
    run: dg.DagsterRun, end: RunEnd, events: Iterable[StepEvent], known: Collection[tuple[str, str, int]]
) -> list[StageAttempt]:
    """The attempts of a run that have no row.

    `events` are in order; `known` has (run_id, stage, attempt) of those that have one.
    """
    begun: dict[str, list[datetime]] = {}
    ended: dict[tuple[str, int], StepEvent] = {}
    for event in events:
        own = begun.setdefault(event.stage, [])
        if event.outcome is None:
            own.append(event.at)
        else:
            ended[event.stage, len(own)] = event
    return [
        _attempt(run, end, stage, number, started_at, ended.get((stage, number)))
        for stage, moments in begun.items()
        for number, started_at in enumerate(moments, start=1)
        if (run.run_id, stage, number) not in known
    ]


def record_lost_attempts(lakehouse: Lakehouse, instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """Give the attempts of a run that is over their rows where these are missing; how many that were.

    Safe to call twice, and from several processes.

    Raises:
        TransientError: the storage did not answer, or other writers were faster every time.
    """
    return _record(lakehouse, instance, [run])


def record_recently_lost(lakehouse: Lakehouse, instance: dg.DagsterInstance, now: datetime) -> int:
    """The same for every run that ended badly in the time that LOOK_BACK names.

    And for those that ended well although a process may have been lost: where each step has one, it is tried again.
    """
    since = now - LOOK_BACK
    filters = [dg.RunsFilter(statuses=ENDED_BADLY, updated_after=since)]
    filters += [
        dg.RunsFilter(job_name=pipeline.job(REFRESH), statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=since)
        for pipeline in lakehouse.catalog.pipelines
        if pipeline.refresh is not None
    ]
    return _record(lakehouse, instance, [run for wanted in filters for run in readable_runs(instance, wanted)])


def _record(lakehouse: Lakehouse, instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> int:
    found = list(_with_events(instance, lakehouse.catalog, (run for run in runs if run.is_finished)))
    if not found:
        return 0
    since = (min(events[0].at for _, _, events in found) - timedelta(days=1)).date()
    known = set(read_attempts(lakehouse, since=since).select("run_id", "stage", "attempt").rows())
    lost = [attempt for run, end, events in found for attempt in lost_attempts(run, end, events, known)]
    record_attempts(lakehouse, lost, if_unknown=True)
    return len(lost)


def _with_events(
    instance: dg.DagsterInstance, catalog: Catalog, runs: Iterable[dg.DagsterRun]
) -> Iterator[tuple[dg.DagsterRun, RunEnd, list[StepEvent]]]:
    """The runs in which stages began, with what Dagster's events say of them."""
    for run in runs:
        try:
            if events := list(_step_events(instance, catalog, run.run_id)):
                yield run, _end_of(instance, run, last=events[-1].at), events
        except Exception:  # whatever one run has left in the event log, the others get their rows
            LOG.exception("the attempts of run %s cannot be read", run.run_id)


def _attempt(
    run: dg.DagsterRun, end: RunEnd, stage: str, number: int, started_at: datetime, ended: StepEvent | None
) -> StageAttempt:
    outcome = Outcome.LOST if ended is None or ended.outcome is None else ended.outcome
    kind = end.kind if ended is None else ended.error_kind
    if outcome is Outcome.CANCELED or (ended is None and run.status is dg.DagsterRunStatus.CANCELED):
        kind = end.interrupt
    if kind == TIME_LIMIT:
        outcome = Outcome.TIMED_OUT
    lost = f"its process ended without an error message; Dagster says: {end.said or 'nothing'}"
    error = lost if ended is None else f"{NOT_WRITTEN}; Dagster says: {ended.error or 'nothing'}"
    return StageAttempt(
        run_id=run.run_id,
        job=run.job_name,
        stage=stage,
        attempt=number,
        partition=days_named(run.tags),
        trigger=run.tags.get(TRIGGER_TAG),
        started_at=started_at,
        duration_seconds=max(((end.at if ended is None else ended.at) - started_at).total_seconds(), 0.0),
        outcome=outcome,
        error=None if outcome is Outcome.SUCCEEDED else error,
        error_kind=kind,
        export_id=None if ended is None else ended.export_id,
    )


def _step_events(instance: dg.DagsterInstance, catalog: Catalog, run_id: str) -> Iterator[StepEvent]:
    """The events of the stages' steps, in order; other steps write no rows."""
    names = step_names(catalog)
    entries = instance.all_logs(run_id, of_type={*BEGINNINGS, *ENDINGS, Kind.ASSET_CHECK_EVALUATION})
    found = [(_moment(entry.timestamp), entry.dagster_event) for entry in entries if entry.dagster_event is not None]
    events = [event for _, event in found]
    for at, event in found:
        if event.step_key in names and event.event_type is not Kind.ASSET_CHECK_EVALUATION:
            yield StepEvent(stage=names[event.step_key], at=at, **_ending(event, events))


def _ending(event: dg.DagsterEvent, events: Iterable[dg.DagsterEvent]) -> dict[str, Any]:
    """What an event says of the end of an attempt: fields of a StepEvent. It says nothing when it is its beginning."""
    outcome = ENDINGS.get(event.event_type)
    if outcome is not Outcome.FAILED:
        return {"outcome": outcome}
    parts = step_error(event, events)
    return {
        "outcome": Outcome.CANCELED if is_interrupt(event) else outcome,
        "error": parts["error"][:ERROR_CHARACTERS],
        "error_kind": parts["error_kind"],
        "export_id": parts["export_id"],
    }


def _end_of(instance: dg.DagsterInstance, run: dg.DagsterRun, *, last: datetime) -> RunEnd:
    entries = instance.all_logs(run.run_id, of_type=RUN_ENDS)
    messages = (entry.dagster_event and entry.dagster_event.message for entry in entries)
    at = max((_moment(entry.timestamp) for entry in entries), default=last)
    return RunEnd(
        at=at,
        kind=kind_of_end(instance, run),
        interrupt=kind_of_interrupt(instance, run),
        said="; ".join(dict.fromkeys(filter(None, messages))),
    )


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)

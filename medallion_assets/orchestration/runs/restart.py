"""Starting a lost run anew: what is allowed, and what Dagster has left out.

Belongs here: how often a run may be lost, retries that Dagster has given up, runs that were created and never queued,
and those whose plan is of code that is gone.
Does not: noticing that a run is lost, the retries of steps.

Dagster's daemon retries a run once, when it hears of its failure. If the code server is away at that moment, or the
database accepts no writes, it gives the retry up for good, before or after it has created the run. A host that is
overloaded, or a disk that is full, brings both at a time; so what was left out is done later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.events import RunFailureReason
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.tags import (
    BACKFILL_ID_TAG,
    MAX_RETRIES_TAG,
    RETRY_NUMBER_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import retry_run

from medallion_assets.orchestration.dagster_tags import RETRIED_BY
from medallion_assets.orchestration.hidden_tags import hidden_tag, value_of
from medallion_assets.orchestration.run_records import readable_runs
from medallion_assets.orchestration.runs.planned_code import planned_by, served_code

LOST_TAG = hidden_tag("lost")
"""Its own id, on a run that was lost: a run that is started anew has the tags of the former."""
JOINT_TAG = hidden_tag("joint")
"""The tag of a run for several tables, any of which may have ended it: its sensor asks for each again, alone."""
RESTARTS = 2
"""How often a run is started anew because its process was lost; after that it waits for its trigger."""
LOOK_BACK = timedelta(hours=1)
"""After so long the trigger has asked again."""
PROMISED_FOR = timedelta(days=2)
"""So long a promise that nobody has kept is ended: a daemon may have been away for a night."""
BACKFILL_AT_WORK = {"REQUESTED", "CANCELING", "FAILING"}
"""By the names of Dagster's BulkActionStatus."""
UNSUBMITTED_SECONDS = 60.0
"""Whoever creates a run queues it within seconds: a sensor, a schedule, a retry, a backfill, a person."""
HEARD = f"EVENT_LOG_CONSUMER_CURSOR-{dg.DagsterEventType.RUN_FAILURE.value}"
"""Where Dagster's daemon keeps up to which event it has heard of failed runs."""


def allow_restart(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Let Dagster start a run anew that was lost, if that was not done too often and it is not joint; says so.

    Dagster decides by the run's tags at the moment at which the run is reported as failed.
    """
    if value_of(JOINT_TAG, run.tags) is not None:
        return "It is not restarted: each of its tables is requested again, alone."
    return _allow_restart(instance, run)


def _allow_restart(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    restarts, allowed = _number(run, RETRY_NUMBER_TAG), _number(run, MAX_RETRIES_TAG)
    if run.status is dg.DagsterRunStatus.CANCELING or restarts >= RESTARTS:
        return None
    instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: str(max(allowed, restarts + 1)), LOST_TAG: run.run_id})
    return f"Its work did not fail: it may be restarted ({restarts + 1} of {RESTARTS})."


def plan_anew(instance: dg.DagsterInstance, run: dg.DagsterRun, workspace: Any) -> bool:
    """Have a run planned anew if its code server was given other code while it waited in the queue; whether that is so.

    Whoever calls holds the run, and does not start it then: its process would have other code than its plan.
    """
    served = served_code(workspace, run)
    planned = planned_by(instance, run) if served is not None else None
    if planned in (None, served):
        return False
    said = f"Not started: this run was planned by the code {planned}, and its code server has {served} by now."
    instance.report_run_failed(run, "\n".join(filter(None, [said, _allow_restart(instance, run)])))
    return True


def left_out(instance: dg.DagsterInstance, now: float) -> Iterator[dg.DagsterRun]:
    """The failed runs that Dagster wanted to start anew, and could not: it says so, or it has heard of them by now."""
    since = datetime.fromtimestamp(now, UTC) - LOOK_BACK
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    yield from _left_out(instance, failed)


def broken_promises(instance: dg.DagsterInstance, now: float) -> Iterator[dg.DagsterRun]:
    """Those of them that could not be started anew for so long that they are not any more."""
    at = datetime.fromtimestamp(now, UTC)
    promised = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={WILL_RETRY_TAG: "true"},
        updated_after=at - PROMISED_FOR,
        updated_before=at - LOOK_BACK,
    )
    yield from _left_out(instance, promised)


def _left_out(instance: dg.DagsterInstance, failed: dg.RunsFilter) -> Iterator[dg.DagsterRun]:
    runs = [run for run in readable_runs(instance, failed) if _is_left_out(run)]
    unheard = _unheard(instance) if any(_is_promised(run) for run in runs) else set()
    yield from (
        run
        for run in runs
        if not (_is_promised(run) and (run.run_id in unheard or _has_backfill_at_work(instance, run)))
    )


def unsubmitted(instance: dg.DagsterInstance, now: float) -> Iterator[dg.DagsterRun]:
    """The runs that were to be queued and are not: who created them was killed, or the database took no more writes."""
    before, since = (
        datetime.fromtimestamp(now, UTC) - ago for ago in (timedelta(seconds=UNSUBMITTED_SECONDS), LOOK_BACK)
    )
    created = dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED], created_before=before, created_after=since)
    if isinstance(instance.run_coordinator, dg.QueuedRunCoordinator):
        yield from filter(_is_unsubmitted, readable_runs(instance, created))


def submit(instance: dg.DagsterInstance, run_id: str) -> None:
    """Queue a run that nobody has. Who calls holds the run.

    Whoever created it and comes late finds it queued, and leaves it so. If it cannot be queued it stays as it is, for
    the next look.
    """
    run = instance.get_run_by_id(run_id)
    if run is not None and _is_unsubmitted(run):
        seconds = f"{UNSUBMITTED_SECONDS:.0f} s"
        instance.report_engine_event(f"Queued now: whoever created this run did not queue it within {seconds}.", run)
        instance.run_coordinator.submit_run(dg.SubmitRunContext(run, workspace=None))  # type: ignore[arg-type]


def restart(instance: dg.DagsterInstance, run_id: str) -> None:
    """Start a run anew that was left out, if its code server answers by now. Who calls holds the run.

    One that cannot be, or whose backfill has ended, is over for good: then its failure is an alert.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or not _is_left_out(run):
        return
    job = run.remote_job_origin
    location = job.repository_origin.code_location_origin if job else None
    is_over = _is_promised(run) and BACKFILL_ID_TAG in run.tags
    if isinstance(location, GrpcServerCodeLocationOrigin) and not is_over:
        target = GrpcServerTarget(
            host=location.host, port=location.port, socket=location.socket, location_name=location.location_name
        )
        with WorkspaceProcessContext(instance, target) as workspace:
            if workspace.create_request_context().has_code_location_error(location.location_name):
                return
            retry_run(run, workspace)
    _conclude(instance, run_id)


def give_up(instance: dg.DagsterInstance, run_id: str) -> None:
    """Say of a run that nobody could start anew for so long that it is over. Who calls holds the run."""
    if (run := _conclude(instance, run_id)) is not None:
        minutes = f"{LOOK_BACK.total_seconds() / 60:.0f} minutes"
        instance.report_engine_event(f"Not started anew: for {minutes} nobody could, and by now it is too late.", run)


def _conclude(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun | None:
    """See that a run which is left out still is over for good; None if it is not left out."""
    run = instance.get_run_by_id(run_id)
    if run is None or not _is_left_out(run):
        return None
    instance.add_run_tags(run_id, {WILL_RETRY_TAG: "false", LOST_TAG: ""})
    return run


def _is_left_out(run: dg.DagsterRun) -> bool:
    tags = run.tags
    was_lost = value_of(LOST_TAG, tags) == run.run_id and tags.get(WILL_RETRY_TAG) == "false"
    by_a_step = tags.get(RUN_FAILURE_REASON_TAG) == RunFailureReason.STEP_FAILURE.value
    return (was_lost or _is_promised(run)) and not by_a_step and RETRIED_BY not in tags


def _is_promised(run: dg.DagsterRun) -> bool:
    """Whether Dagster's last word is that it starts the run anew; of a backfill that has ended it does not mean it."""
    return run.tags.get(WILL_RETRY_TAG) == "true"


def _has_backfill_at_work(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    backfill = instance.get_backfill(run.tags[BACKFILL_ID_TAG]) if BACKFILL_ID_TAG in run.tags else None
    return backfill is not None and backfill.status.name in BACKFILL_AT_WORK


def _is_unsubmitted(run: dg.DagsterRun) -> bool:
    """Not those of the command line: they are carried out where they were created, and never queued.

    Nor those of a backfill, whose own daemon submits them, or a person has ended it.
    """
    is_created = run.status is dg.DagsterRunStatus.NOT_STARTED and BACKFILL_ID_TAG not in run.tags
    return is_created and run.remote_job_origin is not None and run.job_code_origin is not None


def _unheard(instance: dg.DagsterInstance) -> set[str]:
    """The failed runs that Dagster's daemon has yet to hear of, and so may start anew."""
    cursor = instance.daemon_cursor_storage.get_cursor_values({HEARD}).get(HEARD, "0")
    events = instance.event_log_storage.get_logs_for_all_runs_by_log_id(
        after_cursor=int(cursor), dagster_event_type=dg.DagsterEventType.RUN_FAILURE
    )
    return {event.run_id for event in events.values()}


def _number(run: dg.DagsterRun, tag: str) -> int:
    """A tag that people may write; what is no number counts as 0."""
    value = run.tags.get(tag, "0")
    return int(value) if value.isascii() and value.isdigit() else 0

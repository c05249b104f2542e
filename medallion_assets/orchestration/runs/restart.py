"""Starting a lost run anew: what is allowed, and what Dagster has left out.

Belongs here: how often a run may be lost, and the retries of lost runs for which there was no code server.
Does not: noticing that a run is lost (watch.py), the retries of steps (orchestration/reporting.py).

Dagster's daemon retries a run once, when it hears of its failure. If the code server is away at that moment, it gives
the retry up for good. A host that is overloaded loses both at a time; so what was left out is done later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.events import RunFailureReason
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    MAX_RETRIES_TAG,
    RETRY_NUMBER_TAG,
    RUN_FAILURE_REASON_TAG,
    WILL_RETRY_TAG,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import retry_run

LOST_TAG = "medallion/lost"
"""Its own id, on a run that was lost: a run that is started anew has the tags of the former."""
RESTARTS = 2
"""How often a run is started anew because its process was lost; after that it waits for its trigger."""
LOOK_BACK = timedelta(hours=1)
"""After so long the trigger has asked again."""


def allow_restart(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Let Dagster start a run anew that was lost, if that was not done too often; says so.

    Dagster decides by the run's tags at the moment at which the run is reported as failed.
    """
    restarts, allowed = _number(run, RETRY_NUMBER_TAG), _number(run, MAX_RETRIES_TAG)
    if run.status is dg.DagsterRunStatus.CANCELING or restarts >= RESTARTS:
        return None
    instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: str(max(allowed, restarts + 1)), LOST_TAG: run.run_id})
    return f"Nothing is wrong with its work: it may be started anew ({restarts + 1} of {RESTARTS})."


def left_out(instance: dg.DagsterInstance, now: float) -> Iterator[dg.DagsterRun]:
    """The lost runs that Dagster wanted to start anew, and could not."""
    since = datetime.fromtimestamp(now, UTC) - LOOK_BACK
    given_up = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], tags={WILL_RETRY_TAG: "false"}, updated_after=since
    )
    yield from filter(_is_left_out, instance.get_runs(given_up))


def restart(instance: dg.DagsterInstance, run_id: str) -> None:
    """Start a run anew that was left out, if its code server answers by now. Who calls holds the run."""
    run = instance.get_run_by_id(run_id)
    job = run.remote_job_origin if run else None
    location = job.repository_origin.code_location_origin if job else None
    if run is None or not _is_left_out(run) or not isinstance(location, GrpcServerCodeLocationOrigin):
        return
    target = GrpcServerTarget(
        host=location.host, port=location.port, socket=location.socket, location_name=location.location_name
    )
    with WorkspaceProcessContext(instance, target) as workspace:
        if workspace.create_request_context().has_code_location_error(location.location_name):
            return
        retry_run(run, workspace)


def _is_left_out(run: dg.DagsterRun) -> bool:
    tags = run.tags
    was_lost = tags.get(LOST_TAG) == run.run_id and tags.get(WILL_RETRY_TAG) == "false"
    by_a_step = tags.get(RUN_FAILURE_REASON_TAG) == RunFailureReason.STEP_FAILURE.value
    return was_lost and not by_a_step and AUTO_RETRY_RUN_ID_TAG not in tags


def _number(run: dg.DagsterRun, tag: str) -> int:
    """A tag that people may write; what is no number counts as 0."""
    value = run.tags.get(tag, "0")
    return int(value) if value.isascii() and value.isdigit() else 0

"""Watching runs whose end nobody else notices: those that are starting or are to end, and those that go on for nothing.

Belongs here: what becomes of a run whose process is gone, and of a process whose run is over; looking for both.
Does not: runs that are at work (Dagster's run monitoring asks run_launcher.py about them), time limits.

Dagster gives a start, and a cancellation, a time, and does not ask whether the process lives. Here that is asked every
few seconds. Whatever is decided is decided by who holds the run's lock, so that any number of processes may watch.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import MAX_RETRIES_TAG, RETRY_NUMBER_TAG

from medallion_assets.run_processes import end, end_what_is_left, is_held, known_runs, noted, take
from medallion_assets.run_whereabouts import State, folder_of, whereabouts

LOOK_SECONDS = 2.0
UNTOLD_SECONDS = 20.0
"""A launch that has not named its process by then was cut short. One that goes on all the same starts nothing."""
GRACE_SECONDS = 20.0
"""How long a process may take to end that was asked to; who clicks *Terminate* waits so long for the answer. A call of
Polars cannot be interrupted."""
LEAVING_SECONDS = 30.0
"""How long a process may take to leave after its run is over."""
RESTARTS = 2
"""How often a run is started anew because its process was lost; after that it waits for its trigger."""
Status = dg.DagsterRunStatus
LOG = logging.getLogger(__name__)


def look(instance: dg.DagsterInstance, now: float) -> None:
    """Settle what can be settled at `now` (UNIX seconds)."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[Status.STARTING, Status.CANCELING])):
        if run.status is Status.STARTING:
            _look_at_start(instance, run, now)
        else:
            _look_at_cancellation(instance, run, now)
    for run_id in known_runs(folder_of(instance)):
        record = instance.get_run_record_by_id(run_id)
        if record is None or (record.dagster_run.is_finished and now - (record.end_time or 0.0) > LEAVING_SECONDS):
            _end_for_good(folder_of(instance), run_id)


def watch(instance: dg.DagsterInstance, stop: threading.Event) -> None:
    """Look every few seconds, until told to stop. A storage that does not answer is asked again."""
    while not stop.wait(LOOK_SECONDS):
        try:
            look(instance, time.time())
        except Exception:
            LOG.exception("runs cannot be watched at the moment")


def settle(instance: dg.DagsterInstance, run_id: str) -> None:
    """What becomes of a run whose process has ended: nothing, if the process has said so itself."""
    run = instance.get_run_by_id(run_id)
    if run is not None and whereabouts(instance, run).state is State.GONE:
        _give_up(instance, run, f"the process of this run is gone, and it was {run.status.value} still")


def allow_restart(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Let Dagster start a run anew that was lost, if that was not done too often; says so.

    Dagster decides by the run's tags at the moment at which the run is reported as failed.
    """
    restarts, allowed = int(run.tags.get(RETRY_NUMBER_TAG, "0")), int(run.tags.get(MAX_RETRIES_TAG, "0"))
    if run.status is Status.CANCELING or restarts >= RESTARTS:
        return None
    instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: str(max(allowed, restarts + 1))})
    return f"Nothing is wrong with its work: it may be started anew ({restarts + 1} of {RESTARTS})."


def _look_at_start(instance: dg.DagsterInstance, run: dg.DagsterRun, now: float) -> None:
    found = whereabouts(instance, run)
    if found.state is State.GONE:
        _give_up(instance, run, f"process {found.pid} of this run is gone from {found.host}: it never began")
    elif found.state is State.UNTOLD and now - (_launched_at(instance, run) or now) > UNTOLD_SECONDS:
        _give_up(instance, run, f"its launch was cut short: no process was started within {UNTOLD_SECONDS:.0f} s")


def _look_at_cancellation(instance: dg.DagsterInstance, run: dg.DagsterRun, now: float) -> None:
    found = whereabouts(instance, run)
    is_late = now - _canceled_at(instance, run) > GRACE_SECONDS
    if found.state is State.LIVES and is_late:
        end(folder_of(instance), run.run_id, grace_seconds=0)
    elif found.state is State.GONE or (found.state is State.UNTOLD and is_late):
        _give_up(instance, run, f"process {found.pid} of this run is gone from {found.host}")


def _end_for_good(folder: Path, run_id: str) -> None:
    """End the process of a run that is over, and forget it."""
    if is_held(folder, run_id):
        LOG.warning("run %s is over, and its process goes on: it is ended", run_id)
    if end(folder, run_id, grace_seconds=GRACE_SECONDS) and (hold := take(folder, run_id)):
        hold.end()


def _give_up(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    """Say that a run is over that no process carries out, and that none will."""
    folder = folder_of(instance)
    hold = take(folder, run.run_id)
    if hold is None:
        return
    current = instance.get_run_by_id(run.run_id)
    try:
        if current is not None and current.status is run.status and not current.is_finished:
            end_what_is_left(noted(folder, run.run_id))
            if current.status is Status.CANCELING:
                instance.report_run_canceled(current, f"Canceled: {why}.")
            else:
                restart = allow_restart(instance, current)
                instance.report_run_failed(current, "\n".join(filter(None, [f"Lost: {why}.", restart])))
            current = instance.get_run_by_id(run.run_id)
    finally:
        if current is None or current.is_finished:
            hold.end()
        else:
            hold.let_go()


def _launched_at(instance: dg.DagsterInstance, run: dg.DagsterRun) -> float | None:
    return instance.get_run_stats(run.run_id).launch_time


def _canceled_at(instance: dg.DagsterInstance, run: dg.DagsterRun) -> float:
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_CANCELING)
    return max((entry.timestamp for entry in entries), default=0.0)

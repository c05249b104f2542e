"""Watching runs whose end nobody else notices: those that are starting or are to end, and those that go on for nothing.

Belongs here: what becomes of a run whose process is gone, and of a process whose run is over; looking for both, and for
what a restart is to do.
Does not: time limits; runs at work on another host, which Dagster's run monitoring asks the run launcher about.

Dagster gives a start, and a cancellation, a time, and does not ask whether the process lives. Here that is asked every
few seconds. Whatever is decided is decided by who holds the run's lock, so that any number of processes may watch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from medallion_assets.operations.tables.pipeline_runs import LAUNCH_CUT_SHORT, LOST_PROCESS, NEVER_BEGAN, TIME_LIMIT
from medallion_assets.operations.unread import Unread
from medallion_assets.orchestration.run_records import readable_record, readable_runs
from medallion_assets.orchestration.runs.ends import is_out_of_time, note_kind, noted_kind
from medallion_assets.orchestration.runs.locks import end, is_held, known_runs, noted, take
from medallion_assets.orchestration.runs.pools import release_pools
from medallion_assets.orchestration.runs.processes import ENDED_SECONDS, end_what_is_left
from medallion_assets.orchestration.runs.restart import (
    allow_restart,
    broken_promises,
    give_up,
    left_out,
    restart,
    submit,
    unsubmitted,
)
from medallion_assets.orchestration.runs.whereabouts import ProcessState, folder_of, reported_process, whereabouts

LOOK_SECONDS = 2.0
UNREPORTED_SECONDS = 20.0
"""A launch that has not named its process by then was cut short. One that goes on all the same starts nothing."""
GRACE_SECONDS = 20.0
"""How long a process may take to end that was asked to; who clicks *Terminate* waits so long for the answer. A call of
Polars cannot be interrupted."""
LEAVING_SECONDS = 30.0
"""How long a process may take to leave after its run is over."""
Status = dg.DagsterRunStatus
LOG = logging.getLogger(__name__)


def look(instance: dg.DagsterInstance, now: float) -> None:
    """Conclude what can be concluded at `now` (UNIX seconds)."""
    for run in readable_runs(instance, dg.RunsFilter(statuses=[Status.STARTING, Status.CANCELING])):
        with _on_its_own(run.run_id):
            (_look_at_start if run.status is Status.STARTING else _look_at_cancellation)(instance, run, now)
    for run_id in known_runs(folder_of(instance)):
        with _on_its_own(run_id):
            _look_at_process(instance, run_id, now)
    for find, mend in ((unsubmitted, submit), (left_out, restart), (broken_promises, give_up)):
        for run in find(instance, now):
            with _on_its_own(run.run_id):
                _once(mend, instance, run)


def watch(instance: dg.DagsterInstance, stop: threading.Event, clock: Callable[[], float] = time.time) -> None:
    """Look every few seconds, until `stop` is set. A storage that does not answer is asked again."""
    while not stop.wait(LOOK_SECONDS):
        with _on_its_own("all"):
            look(instance, clock())


@contextmanager
def _on_its_own(run_id: str) -> Iterator[None]:
    """What is odd about one run, or a storage that is away, keeps nobody from looking at the others, and again."""
    try:
        yield
    except Exception:
        LOG.exception("run %s: cannot be looked at", run_id)


def conclude(instance: dg.DagsterInstance, run_id: str) -> None:
    """What becomes of a run whose process has ended: nothing, if the process has said so, or was asked to end."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status is Status.CANCELING:
        return
    if (found := whereabouts(instance, run)).state is ProcessState.GONE:
        _give_up(instance, run, LOST_PROCESS, f"{found.loss}, and it was {run.status.value} still")


def conclude_all(instance: dg.DagsterInstance) -> None:
    """The same of every run at work, and their pools: for a start where no daemon may have been since."""
    for run in readable_runs(instance, dg.RunsFilter(statuses=[Status.STARTING, Status.STARTED])):
        conclude(instance, run.run_id)
    release_pools(instance)


def _look_at_start(instance: dg.DagsterInstance, run: dg.DagsterRun, now: float) -> None:
    found, launched_at = whereabouts(instance, run), instance.get_run_stats(run.run_id).launch_time
    if found.state is ProcessState.GONE:
        _give_up(instance, run, NEVER_BEGAN, f"{found.loss}: it never began")
    elif found.state is ProcessState.UNREPORTED and abs(now - (launched_at or now)) > UNREPORTED_SECONDS:
        why = f"its launch was cut short: no process was started within {UNREPORTED_SECONDS:.0f} s"
        _give_up(instance, run, LAUNCH_CUT_SHORT, why)


def _look_at_cancellation(instance: dg.DagsterInstance, run: dg.DagsterRun, now: float) -> None:
    found = whereabouts(instance, run)
    canceled_at = max((entry.timestamp for entry in _cancellations(instance, run)), default=0.0)
    is_late = abs(now - canceled_at) > GRACE_SECONDS + ENDED_SECONDS
    if is_out_of_time(instance, run) and not is_late:
        return  # run monitoring waits for the end of the process, and then calls the run failed
    if found.state is ProcessState.LIVES and is_late:
        end(folder_of(instance), run.run_id, grace_seconds=0, reported=reported_process(instance, run))
    elif found.state is ProcessState.GONE or (found.state is ProcessState.UNREPORTED and is_late):
        _give_up(instance, run, LOST_PROCESS, found.loss)


def _look_at_process(instance: dg.DagsterInstance, run_id: str, now: float) -> None:
    """End the process of a run that is over, and forget it; give up a run at work whose process is gone.

    Who started that process does so at once, if the storage answers at that moment.
    """
    unread: list[Unread] = []
    record, folder = readable_record(instance, run_id, unread), folder_of(instance)
    if unread:  # it may be at work
        return
    if record is not None and not record.dagster_run.is_finished:
        if record.dagster_run.status is Status.STARTED:
            conclude(instance, run_id)
        return
    if record is not None and abs(now - (record.end_time or 0.0)) <= LEAVING_SECONDS:
        return
    if is_held(folder, run_id):
        LOG.warning("run %s is over, but its process is still running: it is ended", run_id)
    reported = reported_process(instance, record.dagster_run) if record else None
    if end(folder, run_id, grace_seconds=GRACE_SECONDS, reported=reported) and (hold := take(folder, run_id)):
        hold.end()


def _once(mend: Callable[[dg.DagsterInstance, str], None], instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Let one watcher alone do what was left out for a run."""
    hold = take(folder_of(instance), run.run_id)
    if hold is not None:
        try:
            mend(instance, run.run_id)
        finally:
            hold.end()


def _give_up(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: str, why: str) -> None:
    """Say that a run is over that no process carries out, unless its process did, and leave nothing of it."""
    folder = folder_of(instance)
    hold = take(folder, run.run_id)
    if hold is None:
        return
    current: dg.DagsterRun | None = run
    try:
        current = instance.get_run_by_id(run.run_id)
        end_what_is_left(noted(folder, run.run_id))
        if current is not None and current.status is run.status and not current.is_finished:
            if current.status is Status.CANCELING and not is_out_of_time(instance, current):
                instance.report_run_canceled(current, f"Canceled: {why}.")
            else:
                said = None
                if noted_kind(instance, current) != TIME_LIMIT:  # its process ended itself for that, unheard
                    said = allow_restart(instance, current)
                    note_kind(instance, current, kind)
                instance.report_run_failed(current, "\n".join(filter(None, [f"Lost: {why}.", said])))
            current = instance.get_run_by_id(run.run_id)
        release_pools(instance)
    finally:
        if current is None or current.is_finished:
            hold.end()
        else:
            hold.let_go()


def _cancellations(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Sequence[dg.EventLogEntry]:
    return instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_CANCELING)

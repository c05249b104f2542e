"""The run launcher: each run is a process of its own, known from its first moment, watched, and ended as a whole.

Belongs here: launching and terminating runs, and answering Dagster's run monitoring.
Does not: starting a process, runs that nobody else watches, time limits (run monitoring), asking again (triggers).

Dagster's default launcher asks the code server to start runs, answers no question about their health, and cannot end
them once that server was replaced. Here the launching process starts them itself, or has them forked. So a run needs
no code server; one that is killed during a launch changes nothing. A run that is lost did nothing wrong: it is started
anew at once, a few times, where a run that failed waits for its trigger to ask again.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

from medallion_assets.operations.tables.pipeline_runs import LOST_PROCESS, UNREPORTED_PROCESS
from medallion_assets.orchestration.dagster_tags import SENSOR_NAME
from medallion_assets.orchestration.runs.ends import note_kind
from medallion_assets.orchestration.runs.locks import Hold, end, is_held, note_this, noted, take
from medallion_assets.orchestration.runs.processes import RunProcess, end_process, end_what_is_left, end_with_parent
from medallion_assets.orchestration.runs.restart import allow_restart, plan_anew
from medallion_assets.orchestration.runs.watch import GRACE_SECONDS, Status, conclude, watch
from medallion_assets.orchestration.runs.whereabouts import (
    HOST_TAG,
    LOOPBACK,
    ProcessState,
    folder_of,
    report_process,
    reported_process,
    whereabouts,
)
from medallion_assets.orchestration.runs.worker import Worker, start_worker
from medallion_assets.orchestration.wakes.messages import wake
from medallion_assets.orchestration.wakes.waker import Waker

ONE_AT_A_TIME = threading.Lock()
"""Runs are launched by several threads of one daemon."""
PATIENCE_SECONDS = 1.0
DISPOSE_SECONDS = 5.0
"""How long looks that are under way may take to finish when nobody watches any more. A database that is away answers
none."""
UNREPORTED_SECONDS = 60.0
"""A run that has begun reports its process at once."""
LOG = logging.getLogger(__name__)


class WatchedRunLauncher(dg.DefaultRunLauncher):
    """Runs are processes of this host, and watched. It takes no configuration.

    A run whose code server is on another host is started there, as Dagster's default launcher does. `clock` gives UNIX
    seconds; a run that is terminated may take `grace_seconds`.
    """

    def __init__(self, inst_data: Any = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(inst_data)
        self._clock = clock
        self.grace_seconds = GRACE_SECONDS
        self._stop: threading.Event | None = None
        self._looking: set[threading.Thread] = set()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the process of a run. Whatever is killed meanwhile, there is one at most, and it is known."""
        run = context.dagster_run
        if _is_elsewhere(run):
            self._prepare(run)
            super().launch_run(context)
            return
        if (process := self._start(run, context.workspace)) is not None:
            self._run_ids.add(run.run_id)
            self._follow(process, run)

    def watch(self) -> None:
        """Watch the runs of this host from now on, in this process, and make due the sensors that they wake."""
        with ONE_AT_A_TIME:
            if self._stop is None:
                self._stop = threading.Event()
                arguments = (self._instance, self._stop, self._clock)
                watching = threading.Thread(target=watch, args=arguments, name="run-watch", daemon=True)
                self._looking.add(watching)
                watching.start()
                self._waker = Waker(self._instance, clock=self._clock)
                self._waker.start()

    def dispose(self) -> None:
        """Watch no more. What looks at a run at this moment may finish; after that nothing is written any more."""
        if self._stop is not None:
            self._stop.set()
            self._stop = None
            self._waker.stop(DISPOSE_SECONDS)
        deadline = time.monotonic() + DISPOSE_SECONDS
        for thread in tuple(self._looking):
            thread.join(max(0.0, deadline - time.monotonic()))
        self._looking.clear()
        super().dispose()

    def adopt(self, run: dg.DagsterRun) -> Hold | None:
        """Let this process hold a run that it carries out; None when it does already, as a run's own worker does."""
        if is_held(folder_of(self._instance), run.run_id):
            note_this(folder_of(self._instance), run.run_id)
            return None
        hold = take(folder_of(self._instance), run.run_id, patience_seconds=PATIENCE_SECONDS)
        if hold is not None:
            process = RunProcess.of_this()
            hold.note(process)
            report_process(self._instance, run, process)
        return hold

    def terminate(self, run_id: str) -> bool:
        """End the process of a run, and its children. Whether none is left; Dagster's events say why one is.

        That the run is canceled it says itself, or who watches, once it is gone.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        found = whereabouts(self._instance, run)
        if found.state is ProcessState.ELSEWHERE and _is_elsewhere(run):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        if found.state in (ProcessState.ELSEWHERE, ProcessState.HOST_UNKNOWN):
            place = f"host {found.host}" if found.host else "a host that it has not named"
            message = f"Not terminated: process {found.pid} of this run is on {place}, this is {socket.gethostname()}."
            self._instance.report_engine_event(f"{message} End it there.", run)
            return False
        if run.status is not Status.CANCELING:
            self._instance.report_run_canceling(run)
        self.watch()
        is_gone = self._end(run, self.grace_seconds)
        if not is_gone:
            message = f"Process {found.pid} of this run does not end: it hangs in the kernel, or is another account's."
            self._instance.report_engine_event(message, run)
        return is_gone

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED when the process of a run on this host is gone; RUNNING when it lives, or nobody here can know."""
        self.watch()
        found = whereabouts(self._instance, run)
        status, message = WorkerStatus.RUNNING, None
        match found.state:
            case ProcessState.GONE:
                status, message = WorkerStatus.FAILED, found.loss
            case ProcessState.ELSEWHERE:
                message = f"not watched: its process is on another host, {found.host}"
            case ProcessState.HOST_UNKNOWN:
                message = f"not watched: process {found.pid} has not reported its host"
            case ProcessState.UNREPORTED:
                message = "it has not reported its process yet"
                began_at = self._instance.get_run_stats(run.run_id).start_time
                if began_at and self._clock() - began_at > UNREPORTED_SECONDS:
                    status = WorkerStatus.FAILED
                    message = f"it began, and reported no process within {UNREPORTED_SECONDS:.0f} s"
        return CheckRunHealthResult(status, message, run_worker_id=None if found.pid is None else str(found.pid))

    def get_run_worker_debug_info(
        self,
        run: dg.DagsterRun,
        include_container_logs: bool | None = True,  # noqa: ARG002 (there are no containers)
    ) -> str | None:
        """What is known of a run that run monitoring is about to give up.

        A process that is late is ended first: what is said to be over is over. Then the run gets one retry more, if it
        has not had too many: Dagster decides about that by its tags right after.
        """
        found = whereabouts(self._instance, run)
        end_what_is_left(noted(folder_of(self._instance), run.run_id))
        if run.status is Status.STARTED:
            note_kind(self._instance, run, LOST_PROCESS if found.state is ProcessState.GONE else UNREPORTED_PROCESS)
        if found.state is not ProcessState.LIVES:
            return allow_restart(self._instance, run)
        is_gone = self._end(run, 0.0)
        ended = f"Process {found.pid} lived, and was ended." if is_gone else f"Process {found.pid} lives and hangs."
        allowed = allow_restart(self._instance, run) if is_gone else None
        return "\n".join(filter(None, [ended, allowed]))

    def _start(self, run: dg.DagsterRun, workspace: Any) -> Worker | None:
        """Start the process of a run, unless there is one, or the run was given up or is to be planned anew.

        It is held before anything waits for the database or for others, so that nobody calls the launch cut short.
        """
        hold = None
        try:
            hold = take(folder_of(self._instance), run.run_id, patience_seconds=PATIENCE_SECONDS)
            if hold is None:
                self._instance.report_engine_event("Not started again: a process carries out this run already.", run)
                return None
            self._prepare(run)
            self.watch()
            current = self._instance.get_run_by_id(run.run_id)
            is_due = current is not None and current.status in (Status.STARTING, Status.NOT_STARTED)
            if not is_due or plan_anew(self._instance, run, workspace):
                hold.end()
                return None
            process = start_worker(run, self._instance, hold, self._clock)
        except BaseException:  # there is no process, and there will be none
            if hold is not None:
                hold.end()
                allow_restart(self._instance, run)
            raise
        hold.let_go()
        return process

    def _follow(self, process: Worker, run: dg.DagsterRun) -> None:
        """Tell of the process, and notice at once when it ends. Nothing may fail here: it is at work already."""
        try:
            threading.Thread(target=self._wait, args=(process, run), name="run-wait", daemon=True).start()
            report_process(self._instance, run, RunProcess.of(process.pid))
        except Exception:
            LOG.exception("run %s: its process %s could not be reported", run.run_id, process.pid)

    def _wait(self, process: Worker, run: dg.DagsterRun) -> None:
        """Conclude a run whose process ends; the sensor that asked for it may wait for that."""
        process.wait()
        run_id, asked_by = run.run_id, run.tags.get(SENSOR_NAME)
        this = threading.current_thread()
        self._looking.add(this)
        try:
            if self._stop is not None:  # else nobody watches any more, and the storage is closed
                conclude(self._instance, run_id)
        except Exception:
            LOG.exception("run %s: its process has ended; it is looked at again", run_id)
        finally:
            self._looking.discard(this)
        if asked_by is not None:
            wake(folder_of(self._instance).parent, [asked_by])

    def _end(self, run: dg.DagsterRun, grace_seconds: float) -> bool:
        folder = folder_of(self._instance)
        if is_held(folder, run.run_id):
            return end(folder, run.run_id, grace_seconds=grace_seconds, reported=reported_process(self._instance, run))
        process = reported_process(self._instance, run)
        return process is None or end_process(process, grace_seconds=grace_seconds)

    def _prepare(self, run: dg.DagsterRun) -> None:
        self._make_pools(run)
        self._instance.add_run_tags(run.run_id, {HOST_TAG: socket.gethostname()})

    def _make_pools(self, run: dg.DagsterRun) -> None:
        """Make the pools of a run that are not there yet.

        Otherwise its steps make them, and of two runs that make one pool at the same moment PostgreSQL fails one.
        """
        storage, concurrency = self._instance.event_log_storage, run.run_op_concurrency
        wanted = (concurrency.all_pools or set()) if concurrency else set()
        with ONE_AT_A_TIME:
            for pool in sorted(wanted - storage.get_concurrency_keys()):
                storage.initialize_concurrency_limit_to_default(pool)


@contextmanager
def carried_out_here(context: dg.InitResourceContext) -> Iterator[None]:
    """While the block runs, this process is known as the one that carries out the run of a resource, and is watched.

    Nobody launches the runs of `dagster asset materialize`, `dagster job execute` and tests: they say so themselves.
    A process that was made for one step ends with that of its run.
    """
    end_with_parent()
    if context.run is None or context.instance is None:
        yield
        return
    with carried_out(context.instance, context.run):
        yield


@contextmanager
def carried_out(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[None]:
    """The same of a run, whatever this process does for it."""
    hold, launcher = None, instance.run_launcher
    if isinstance(launcher, WatchedRunLauncher):
        try:
            hold = launcher.adopt(run)
        except OSError:
            LOG.warning("run %s is not watched: its lock cannot be written", run.run_id, exc_info=True)
    try:
        yield
    finally:
        if hold is not None:
            hold.end()


def _is_elsewhere(run: dg.DagsterRun) -> bool:
    """Whether the code server of a run is on another host."""
    job = run.remote_job_origin
    location = job.repository_origin.code_location_origin if job else None
    if not isinstance(location, GrpcServerCodeLocationOrigin) or location.socket:
        return False
    return location.host not in (*LOOPBACK, socket.gethostname())

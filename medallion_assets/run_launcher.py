"""The run launcher: Dagster's own, which also tells whether the process of a run still lives.

Belongs here: finding the process of a run among those of this host, so that run monitoring ends what died with it.
Does not: starting and ending runs (Dagster's launcher), time limits (run monitoring), asking again (triggers).

Dagster's launcher answers no question about a run's health: after a crash of the host, or a kill of everything, runs
would stand in STARTED until their time limit, and hold their pools. A run that is lost so did nothing wrong: it is
started anew at once, a few times, where a run that failed waits for its trigger to ask again.
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass

import dagster as dg
import psutil  # type: ignore[import-untyped]
from dagster._core.events import DagsterEventType
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, LaunchRunContext, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG, MAX_RETRIES_TAG, RETRY_NUMBER_TAG

HOST_TAG = "medallion/launched_on"
"""The host whose daemon started the run."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ONE_AT_A_TIME = threading.Lock()
"""Runs are launched by several threads of one daemon."""
RESTARTS = 2
"""How often a run is started anew because its process was lost; after that it waits for its trigger."""
SAME_MOMENT_SECONDS = 2.0
"""How much later than it told of itself a process may seem to have begun: clocks are rounded and corrected."""


@dataclass(frozen=True)
class Worker:
    """The process of a run: its id, and when it told of itself (UNIX seconds)."""

    pid: int
    told_at: float


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, whose runs on this host are watched. It takes no configuration."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the run; from where is written down first, so that a kill in between loses nothing."""
        self._make_pools(context.dagster_run)
        self._instance.add_run_tags(context.dagster_run.run_id, {HOST_TAG: socket.gethostname()})
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """FAILED when the process of a run on this host is gone; RUNNING when it lives, or nobody here can know."""
        if not _is_here(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING, "not watched: its process is on another host")
        worker = self._worker(run.run_id)
        if worker is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it has not told its process yet")
        if lives(worker):
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(worker.pid))
        message = f"process {worker.pid} of this run is gone from {socket.gethostname()}"
        return CheckRunHealthResult(WorkerStatus.FAILED, message, run_worker_id=str(worker.pid))

    def get_run_worker_debug_info(
        self,
        run: dg.DagsterRun,
        include_container_logs: bool | None = True,  # noqa: ARG002 (there are no containers)
    ) -> str | None:
        """What is known of a run that run monitoring is about to give up: its process is gone, or it never began.

        Here it gets one retry more, if it has not had too many: Dagster decides about that by its tags right after.
        """
        restarts, allowed = int(run.tags.get(RETRY_NUMBER_TAG, "0")), int(run.tags.get(MAX_RETRIES_TAG, "0"))
        if run.status is dg.DagsterRunStatus.CANCELING or restarts >= RESTARTS:
            return None
        self._instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: str(max(allowed, restarts + 1))})
        return f"Its process was lost, not its work: it may be started anew ({restarts + 1} of {RESTARTS})."

    def _make_pools(self, run: dg.DagsterRun) -> None:
        """Make the pools of a run that are not there yet.

        Otherwise its steps make them, and of two runs that make one pool at the same moment PostgreSQL fails one.
        """
        storage, concurrency = self._instance.event_log_storage, run.run_op_concurrency
        wanted = (concurrency.all_pools or set()) if concurrency else set()
        with ONE_AT_A_TIME:
            for pool in sorted(wanted - storage.get_concurrency_keys()):
                storage.initialize_concurrency_limit_to_default(pool)

    def _worker(self, run_id: str) -> Worker | None:
        """The process that told last that it carries out the run."""
        for entry in reversed(self._instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)):
            event = entry.dagster_event
            pid = event.engine_event_data.metadata.get("pid") if event else None
            if pid is not None:
                return Worker(int(str(pid.value)), entry.timestamp)
        return None


def lives(worker: Worker) -> bool:
    """Whether the process is there, and is not a younger one that was given the same id."""
    try:
        process = psutil.Process(worker.pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return not gone and process.create_time() <= worker.told_at + SAME_MOMENT_SECONDS
    except psutil.NoSuchProcess:
        return False


def _is_here(run: dg.DagsterRun) -> bool:
    """Whether a daemon of this host started the run, by a code server of this host."""
    here = socket.gethostname()
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    is_local = bool(server.get("socket")) or server.get("host") in (*LOOPBACK, here)
    return is_local and run.tags.get(HOST_TAG) == here

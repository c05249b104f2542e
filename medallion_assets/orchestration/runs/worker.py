"""The worker of a run: the process that carries it out, forked or started by whoever launches the run.

Belongs here: the command and the environment of a worker, and making it in such a way that it holds its run.
Does not: how one is forked (forks), when runs are launched, what becomes of their processes.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import dagster as dg
from dagster._grpc.types import ExecuteRunArgs

from medallion_assets.orchestration.runs.forks.asking import NoForkError, NoForkServerError, fork_worker, request_for
from medallion_assets.orchestration.runs.forks.launches import keep
from medallion_assets.orchestration.runs.locks import Hold
from medallion_assets.orchestration.runs.processes import RunProcess
from medallion_assets.orchestration.runs.spill import folder_for
from medallion_assets.settings import forks_runs
from medallion_assets.settings.environment import environment_for_child

ARGUMENTS = "DAGSTER_EXECUTE_RUN_ARGS"
"""Where `dagster api execute_run` reads what it is to do. Command lines can be read by everybody on the host."""
LOG = logging.getLogger(__name__)


class Worker(Protocol):
    """A process that carries out a run."""

    @property
    def pid(self) -> int:
        """Its id on this host, by which it is signalled."""

    def wait(self) -> object:
        """Wait until it has ended."""


def start_worker(
    run: dg.DagsterRun, instance: dg.DagsterInstance, hold: Hold, clock: Callable[[], float] = time.time
) -> Worker:
    """Make the process that carries out a run that is held; from its first moment on it holds the run as well.

    It needs nobody any more: neither the code server nor the process that makes it. It leads a session of its own, so
    that signals for its parent do not reach it. What it prints goes where this process's output goes. Where there is a
    fork server whose code, settings and environment are the run's, it forks one; else one is started.
    """
    origin = run.job_code_origin
    if origin is None:
        raise dg.DagsterInvariantViolationError(f"run {run.run_id} does not say which code it is to run")
    executable = origin.repository_origin.executable_path or sys.executable
    arguments = ExecuteRunArgs(origin, run_id=run.run_id, instance_ref=instance.get_ref())
    kept = environment_for_child()
    environment = {**kept, ARGUMENTS: dg.serialize_value(arguments)}
    if not forks_runs(kept):
        return _started(executable, environment, hold)
    home = Path(instance.root_directory)
    try:
        _expect_no_more_variables(run, instance)
        module = getattr(origin.repository_origin.code_pointer, "module", None)
        request = request_for(module, executable, environment, folder_for(home, run.run_id))
        worker: Worker = fork_worker(home, request, hold)
    except NoForkServerError:  # as in a command of one person, or a deployment without one
        return _started(executable, environment, hold)
    except NoForkError as error:
        worker = _started(executable, environment, hold)
        keep(home, error.what, clock())
        _tell(run, instance, error)
    else:
        keep(home, "", clock())
    return worker


def _tell(run: dg.DagsterRun, instance: dg.DagsterInstance, error: NoForkError) -> None:
    """Say on the run why it was not forked. Nothing may fail here: it is at work already."""
    LOG.warning("run %s: its process is started, not forked: %s", run.run_id, error)
    try:
        instance.report_engine_event(f"The process of this run is started, not forked: {error.what}", run)
    except Exception:
        LOG.exception("run %s: that its process was started could not be reported", run.run_id)


def _expect_no_more_variables(run: dg.DagsterRun, instance: dg.DagsterInstance) -> None:
    """See that Dagster adds no variables to a run before its code is imported, as a project's .env file may say.

    Raises:
        NoForkError: it does.
    """
    loader = instance.get_ref().secrets_loader
    location = run.remote_job_origin.location_name if run.remote_job_origin else None
    if loader is not None and loader.get_secrets_for_environment(location):
        raise NoForkError("Dagster adds variables to its environment before it imports (secrets, a .env file)")


def _started(executable: str, environment: dict[str, str], hold: Hold) -> Worker:
    process = subprocess.Popen(  # noqa: S603 - our own command
        [executable, "-m", "dagster", "api", "execute_run"],
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(hold.file,),
    )
    try:
        hold.note(RunProcess.of(process.pid, is_worker=True))
    except OSError:  # a disk that is full: nobody could end what nobody knows
        process.kill()
        process.wait()
        raise
    return process

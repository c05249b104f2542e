"""The worker of a run: the process that carries it out, started by whoever launches the run.

Belongs here: the command and the environment of a worker, and starting it in such a way that it holds its run.
Does not: when runs are launched (launcher.py), what becomes of their processes (locks.py, watch.py).
"""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
from dagster._grpc.types import ExecuteRunArgs

from medallion_assets.orchestration.runs.locks import Hold
from medallion_assets.orchestration.runs.processes import RunProcess
from medallion_assets.settings import inherited_environment

ARGUMENTS = "DAGSTER_EXECUTE_RUN_ARGS"
"""Where `dagster api execute_run` reads what it is to do. Command lines can be read by everybody on the host."""
OF_ITS_PARENT = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What a supervisor says to its own child alone."""


def start_worker(run: dg.DagsterRun, instance: dg.DagsterInstance, hold: Hold) -> subprocess.Popen[bytes]:
    """Start the process that carries out a run that is held; from its first moment on it holds the run as well.

    It needs nobody any more: neither the code server nor the process that starts it. It leads a session of its own, so
    that signals for its parent do not reach it. What it prints goes where its parent's output goes.
    """
    origin = run.job_code_origin
    if origin is None:
        raise dg.DagsterInvariantViolationError(f"run {run.run_id} does not say which code it is to run")
    arguments = ExecuteRunArgs(origin, run_id=run.run_id, instance_ref=instance.get_ref())
    kept = {name: value for name, value in inherited_environment().items() if name not in OF_ITS_PARENT}
    process = subprocess.Popen(  # noqa: S603 - our own command
        [origin.repository_origin.executable_path or sys.executable, "-m", "dagster", "api", "execute_run"],
        env={**kept, ARGUMENTS: dg.serialize_value(arguments)},
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

"""A stage in a process that a command starts, on this machine or through it (ssh, docker run, srun).

Belongs here: starting it through Pipes' own client, ending it, and finding one that outlived the Dagster that began it.
Does not: services that run jobs (jobs.py).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Event

import dagster as dg
from dagster._core.errors import DagsterPipesExecutionError

from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.remote.attempts import RemoteAttempt
from medallion_assets.orchestration.remote.pipes import MessageReader, RequestInjector
from medallion_assets.orchestration.runs.processes import RunProcess
from medallion_assets.remote.watching import ENDING_SECONDS

OURS = (sys.executable, "-m", "medallion_assets.remote")
LOOK_SECONDS = 0.5


def run_command(
    context: dg.OpExecutionContext,
    command: Sequence[str],
    attempt: RemoteAttempt,
    reader: MessageReader,
    extras: Mapping[str, object],
    environment: Mapping[str, str],
) -> None:
    """Run it to its end. What became of the stage stands in its messages, if it could say anything.

    Raises:
        SettingsError: there is no such program.
    """
    client = dg.PipesSubprocessClient(
        env=dict(environment),
        context_injector=RequestInjector(attempt),
        message_reader=reader,
        termination_timeout_seconds=ENDING_SECONDS,
    )
    try:
        client.run(context=context, command=list(command), extras=dict(extras))
    except DagsterPipesExecutionError as error:
        context.log.info(str(error))
    except subprocess.TimeoutExpired as error:  # it was told to end, and went on
        _kill(reader.process)
        raise error.__context__ or error from None
    except OSError as error:
        raise SettingsError(
            "the command of a stage cannot be started",
            expected=f"a program of this machine, such as {OURS[0]}",
            found=f"{command[0]}: {error}",
            do="correct MEDALLION_COMPUTE",
        ) from error


def attached(context: dg.OpExecutionContext, attempt: RemoteAttempt, reader: MessageReader) -> bool:
    """Follow the process of a known attempt to its end, if it is here and lives; whether it has said its last word."""
    with dg.open_pipes_session(
        context=context, context_injector=RequestInjector(attempt), message_reader=reader, extras={}
    ):
        process = reader.process
        if process is not None and process.is_here:
            context.log.info("process %s is still working on this attempt: this run continues with it", process.pid)
            _follow(process, reader)
    return reader.has_ended


def _follow(process: RunProcess, reader: MessageReader) -> None:
    pause = Event()
    try:
        while process.lives and not reader.has_ended:
            pause.wait(LOOK_SECONDS)
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
        raise


def _kill(process: RunProcess | None) -> None:
    if process is not None and process.is_here and process.lives:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

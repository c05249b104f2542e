"""A stage in a process that a command starts, on this machine or through it (ssh, docker run, srun).

Belongs here: starting it in a Pipes session, ending it, and finding one that outlived the Dagster that began it.
Does not: services that run jobs.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import dagster as dg

from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.remote.attempts import RemoteAttempt
from medallion_assets.orchestration.remote.pipes import MessageReader, RequestInjector
from medallion_assets.orchestration.runs.processes import RunProcess, wait_while
from medallion_assets.remote.watching import ENDING_SECONDS
from medallion_assets.settings.environment import environment_for_child

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
    with dg.open_pipes_session(
        context=context, context_injector=RequestInjector(attempt), message_reader=reader, extras=dict(extras)
    ) as session:
        process = _started(command, {**environment_for_child(), **environment, **session.get_bootstrap_env_vars()})
        try:
            code = process.wait()
        except BaseException:  # a person or the time limit ends the step
            context.log.info("the step ends: its process %s gets SIGINT", process.pid)
            _end(process, reader)
            raise
        if code:
            context.log.info("the process of the step ended with code %s", code)


def attached(context: dg.OpExecutionContext, attempt: RemoteAttempt, reader: MessageReader) -> bool:
    """Follow the process of a known attempt to its end, if it is here and lives; whether it has said its last word."""
    with dg.open_pipes_session(
        context=context, context_injector=RequestInjector(attempt), message_reader=reader, extras={}
    ):
        process = reader.process
        if process is not None and process.is_here:
            context.log.info("process %s is still working on this attempt: this run continues with it", process.pid)
            try:
                wait_while(lambda: process.lives and not reader.has_ended, math.inf, every_seconds=LOOK_SECONDS)
            except BaseException:  # a person or the time limit ends the step
                context.log.info("the step ends: its process %s gets SIGINT", process.pid)
                _end_followed(process)
                raise
    return reader.has_ended


def _started(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(list(command), env=environment)  # noqa: S603 - as the settings say
    except OSError as error:
        raise SettingsError(
            "the command of a stage cannot be started",
            expected=f"a program of this machine, such as {OURS[0]}",
            found=f"{command[0]}: {error}",
            do="correct MEDALLION_COMPUTE",
        ) from error


def _end(process: subprocess.Popen[bytes], reader: MessageReader) -> None:
    """Tell it to end, and kill it where it works on for too long, or until the timer of the limit rings again."""
    process.send_signal(signal.SIGINT)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_SECONDS)
    finally:
        if process.poll() is None:
            _kill(reader.process)  # which another one may have started
            process.kill()
            process.wait()


def _end_followed(process: RunProcess) -> None:
    """The same of a process that another one has started."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
    try:
        wait_while(lambda: process.lives, ENDING_SECONDS)
    finally:
        _kill(process)


def _kill(process: RunProcess | None) -> None:
    if process is not None and process.is_here and process.lives:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

#!/usr/bin/env python3
"""Keeps the processes of a Procfile running until it is told to stop.

Belongs here: starting all of them once a check passes, all anew when one of them ends, leaving none behind.
Does not: which processes these are (Procfile), under which variables they run (run).

SIGTERM, SIGINT and SIGHUP end it at any moment, with exit code 0. A handler only notes the signal, and the note is
looked at ten times a second: no moment is a wrong one. What this process inherited does not matter: who starts a
program in the background may have it ignore or block signals, which a shell could not undo.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

POLL_SECONDS = 0.1
AGAIN_SECONDS = 5.0
END_SECONDS = 8.0
"""How long the processes may take to end before they are killed: less than the 10 s that `docker stop` waits."""
CHECK_SECONDS = 60.0
"""How long the check may take to answer."""
KILLED_SECONDS = 1.5
"""What is killed and does not end hangs in the kernel (a disk that is gone): nobody can wait for it."""


class Stop:
    """Whether somebody said stop."""

    def __init__(self) -> None:
        self.is_asked = False

    def listen(self) -> None:
        """Hear the signals that say so. Children inherit neither handlers nor a mask."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
                signal.signal(number, self._ask)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, exit codes are lost
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def wait_while(self, goes_on: Callable[[], bool], seconds: float = float("inf")) -> None:
        """Wait until it is asked for, something does not go on any more, or the time is over."""
        deadline = time.monotonic() + seconds
        while not self.is_asked and goes_on() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.is_asked = True


def main() -> None:
    """Start what the Procfile names whenever the check passes, until told to stop."""
    stop = Stop()
    stop.listen()
    options = _options()
    lines = options.procfile.read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines if line.strip())
    _say(f"{', '.join(commands)}: SIGTERM or Ctrl-C ends them")
    while not stop.is_asked:
        if _passes(options.check, stop):
            _run(commands, stop, options.end_seconds)
        if not stop.is_asked:
            _say(f"starting again in {options.again_seconds:g} s")
            stop.wait_while(lambda: True, options.again_seconds)


def _passes(check: str, stop: Stop) -> bool:
    with _running([check], end_seconds=0) as (process,):
        stop.wait_while(lambda: process.poll() is None, CHECK_SECONDS)
        if process.poll() is None and not stop.is_asked:
            _say(f"no answer within {CHECK_SECONDS:g} s: {check}")
        return process.poll() == 0


def _run(commands: dict[str, str], stop: Stop, end_seconds: float) -> None:
    """Run all of them until one ends, or until told to stop."""
    with _running([*commands.values()], end_seconds) as processes:
        stop.wait_while(lambda: all(process.poll() is None for process in processes))
        for name, process in zip(commands, processes, strict=True):
            if process.poll() is not None:
                _say(f"{name} ended with exit code {process.returncode}")


@contextmanager
def _running(commands: Sequence[str], end_seconds: float) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Each command in a session of its own while the block runs; then nothing of it is left."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:  # a comprehension would lose those that were started before a failure
            process = subprocess.Popen(command, shell=True, start_new_session=True)  # noqa: S602 - our own
            processes.append(process)
        yield processes
    finally:
        _end(processes, end_seconds)


def _end(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    """Ask every process and its children (the runs) to end; kill what is left of them."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    _wait_for_the_end_of(processes, seconds)
    for process in processes:
        _signal(process, signal.SIGKILL)
    _wait_for_the_end_of(processes, KILLED_SECONDS)


def _wait_for_the_end_of(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(_is_there(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _is_there(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process or a child of it has not ended."""
    process.poll()
    for other in psutil.process_iter(["status"]):
        if other.info["status"] != psutil.STATUS_ZOMBIE:  # of an orphan: the host's first process clears it away
            with suppress(ProcessLookupError, PermissionError):
                if os.getpgid(other.pid) == process.pid:
                    return True
    return False


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS does not permit it when only zombies are left
        os.killpg(process.pid, number)


def _say(what: str) -> None:
    with suppress(OSError):  # the terminal may be gone; the processes must not stay because of that
        sys.stderr.write(f"{what}\n")
        sys.stderr.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Keep the processes of a Procfile running.")
    parser.add_argument("--procfile", type=Path, required=True, help="lines of `name: command`")
    parser.add_argument("--check", required=True, help="a command that passes before they are started")
    parser.add_argument("--again-seconds", type=float, default=AGAIN_SECONDS)
    parser.add_argument("--end-seconds", type=float, default=END_SECONDS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Keeps the processes of a Procfile running until it is told to stop.

Belongs here: starting each once a check passes, starting anew what ended or says nothing any more, leaving none behind.
Does not: which processes these are (Procfile), under which variables they run (run).

SIGTERM, SIGINT and SIGHUP end it at any moment, with exit code 0. A handler only notes the signal, and the note is
looked at ten times a second: no moment is a wrong one. What this process inherited does not matter: who starts a
program in the background may have it ignore or block signals, which a shell could not undo. This is why it is our own:
honcho runs a Procfile too, but waits for ever when it is stopped while it starts, and starts nothing anew.

What goes wrong again and again, as it does where a setting is refused, is tried after 5 s, then 10, 20, 40, and then
once a minute, so that its message does not fill the log. It does not end the whole: what is refused may be a folder on
a disk that is away, or a port that is in use, and runs are at work meanwhile.

What it starts ends with it, however it ends: killed, it could not end them, and the next one would start a second
daemon beside the first. Linux kills them then; runs are no part of them, and go on.

A process may say that it is well as it would say so to systemd (sd_notify: READY=1, WATCHDOG=1). One that has begun to
and then says nothing for a while hangs: it is killed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

import psutil  # type: ignore[import-untyped]

POLL_SECONDS = 0.1
AGAIN_SECONDS = 5.0
"""How long what went wrong waits for its next start, the first time."""
LONGEST_SECONDS = 60.0
"""How long it waits at most, however often it went wrong."""
HEALTHY_SECONDS = 60.0
"""What ran so long did well: if it goes wrong then, that is a first time."""
END_SECONDS = 8.0
"""How long the processes may take to end before they are killed: less than the 10 s that `docker stop` waits."""
CHECK_SECONDS = 60.0
"""How long the check may take to answer."""
KILLED_SECONDS = 1.5
"""What is killed and does not end hangs in the kernel (a disk that is gone): nobody can wait for it."""
SILENT_SECONDS = 60.0
"""How long a process that says that it is well may say nothing."""
PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent is gone."""


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


@dataclass
class Pauses:
    """How long something waits each time after it went wrong; all moments are of one clock, in seconds."""

    first_seconds: float
    times: int = 0
    began_at: float | None = None

    def begin(self, now: float) -> None:
        """It begins."""
        self.began_at = now

    def go_wrong(self, now: float) -> float:
        """It has gone wrong: the seconds until it begins again, twice as many as the last time unless it did well."""
        if self.began_at is not None and now - self.began_at >= HEALTHY_SECONDS:
            self.times = 0
        longest = max(self.first_seconds, LONGEST_SECONDS)
        seconds = min(self.first_seconds * 2.0**self.times, longest)
        self.times += seconds < longest
        return seconds


@dataclass
class Supervised:
    """A line of the Procfile: its process while it runs, when it may start again, and what it has said."""

    name: str
    command: str
    ears: socket.socket
    pauses: Pauses
    process: subprocess.Popen[bytes] | None = None
    again_at: float = 0.0
    heard_at: float | None = None
    is_ready: bool = False

    def start(self) -> None:
        """Start it, with an ear for what it says."""
        self.heard_at, self.is_ready = None, False
        self.pauses.begin(time.monotonic())
        self.process = _started(self.command, {**os.environ, "NOTIFY_SOCKET": self.ears.getsockname()})

    def listen(self) -> None:
        """Hear what it has said since."""
        with suppress(BlockingIOError):
            while said := self.ears.recv(4096):
                self.heard_at = time.monotonic()
                self.is_ready |= b"READY=1" in said

    def trouble(self, silent_seconds: float) -> str | None:
        """Why it must be started anew; None while it is well, or does not run."""
        if self.process is None:
            return None
        if self.process.poll() is not None:
            return f"{self.name} exited with exit code {self.process.returncode}"
        if self.heard_at is not None and time.monotonic() - self.heard_at > silent_seconds:
            return f"{self.name} has said nothing for {silent_seconds:g} s: it is killed"
        return None


def main() -> None:
    """Start what the Procfile names whenever the check passes, until told to stop."""
    stop = Stop()
    stop.listen()
    options = _options()
    lines = options.procfile.read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines if line.strip())
    _say(f"{', '.join(commands)}: SIGTERM or Ctrl-C ends them")
    pauses = Pauses(options.again_seconds)
    with _supervised(commands, options) as all_of_them:
        while not stop.is_asked:
            _look(all_of_them, stop, options, pauses)
            stop.wait_while(lambda: True, POLL_SECONDS)


def _look(all_of_them: Sequence[Supervised], stop: Stop, options: argparse.Namespace, pauses: Pauses) -> None:
    """End what is in trouble, and start what is due; `pauses` are those of the check."""
    for program in all_of_them:
        program.listen()
        if trouble := program.trouble(options.silent_seconds):
            _say(trouble)
            _end([program.process] if program.process else [], 0)
            program.process = None
            _wait([program], program.pauses)
    due = [program for program in all_of_them if program.process is None and time.monotonic() >= program.again_at]
    if due and not _passes(options.check, stop):
        _wait(due, pauses)
        return
    if due:
        pauses.times = 0
    first = all_of_them[0]
    for program in due:
        if stop.is_asked:
            return
        program.start()
        if program is first and len(due) > 1:
            stop.wait_while(lambda: not _is_up(first), options.ready_seconds)


def _wait(waiting: Sequence[Supervised], pauses: Pauses) -> None:
    """Put off the start of some, as what they wait for has gone wrong."""
    now = time.monotonic()
    seconds = pauses.go_wrong(now)
    for program in waiting:
        program.again_at = now + seconds
    _say(f"starting again in {seconds:g} s")


def _is_up(program: Supervised) -> bool:
    """Whether it is ready, or has ended meanwhile."""
    program.listen()
    return program.is_ready or program.process is None or program.process.poll() is not None


@contextmanager
def _supervised(commands: dict[str, str], options: argparse.Namespace) -> Iterator[list[Supervised]]:
    """Each line of the Procfile with an ear for it; in the end nothing of them is left."""
    with tempfile.TemporaryDirectory(prefix="supervisor-") as folder:
        all_of_them = []
        for number, (name, command) in enumerate(commands.items()):
            ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            ears.bind(f"{folder}/{number}")
            ears.setblocking(False)
            all_of_them.append(Supervised(name, command, ears, Pauses(options.again_seconds)))
        try:
            yield all_of_them
        finally:
            was_started = [program.process for program in all_of_them if program.process]
            _end(was_started, options.end_seconds)
            if was_started and options.finally_:
                with suppress(subprocess.TimeoutExpired):
                    subprocess.run(options.finally_, shell=True, check=False, timeout=options.end_seconds)  # noqa: S602 - our own
            for program in all_of_them:
                program.ears.close()


def _passes(check: str, stop: Stop) -> bool:
    process = _started(check)
    try:
        stop.wait_while(lambda: process.poll() is None, CHECK_SECONDS)
        if process.poll() is None and not stop.is_asked:
            _say(f"no answer within {CHECK_SECONDS:g} s: {check}")
        return process.poll() == 0
    finally:
        _end([process], 0)


def _started(command: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A command in a session of its own, which ends with this process."""
    end = partial(_end_with, os.getpid())
    return subprocess.Popen(command, shell=True, start_new_session=True, env=environment, preexec_fn=end)  # noqa: S602, PLW1509 - our own, and one thread


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone already
            os._exit(1)


def _end(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> None:
    """Ask every process and its children to end; kill what is left of them."""
    for process in processes if seconds else ():
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
    parser.add_argument("--finally", dest="finally_", help="a command that is run after they have ended")
    parser.add_argument("--ready-seconds", type=float, default=0.0, help="how long the others wait for the first one")
    parser.add_argument("--silent-seconds", type=float, default=SILENT_SECONDS)
    parser.add_argument("--again-seconds", type=float, default=AGAIN_SECONDS)
    parser.add_argument("--end-seconds", type=float, default=END_SECONDS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

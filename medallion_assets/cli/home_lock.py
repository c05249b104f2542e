"""One command at a time works in a home: a lock that ends with its process, however that ends.

Belongs here: taking the lock, and saying who holds it.
Does not: which commands take it.

The kernel holds the lock (flock), as long as any process has the file open. What stands in the file only says whose
it is: a note that somebody left behind holds nothing. The file stays: removing it could take it from under the
next one.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from medallion_assets.errors import PermanentError
from medallion_assets.settings.account import user_name

LOCK = "running.lock"
ENDING_SECONDS = 75.0
"""What a killed command started may need so long to end; the lock is free then."""
POLL_SECONDS = 0.25
SAME_MOMENT_SECONDS = 2.0
"""How much the time at which a process began may seem to differ: clocks are corrected."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who took a lock; `began` is when the process began (UNIX seconds)."""

    command: str
    pid: int
    user: str
    host: str
    began: float

    @classmethod
    def of_this_process(cls, command: str) -> Holder:
        """Ourselves."""
        process = psutil.Process()
        return cls(
            command=command,
            pid=process.pid,
            user=user_name(),
            host=socket.gethostname(),
            began=process.create_time(),
        )

    @property
    def is_gone(self) -> bool:
        """Whether its process has ended for certain; of another host nobody here can know."""
        try:
            return (
                self.host == socket.gethostname()
                and abs(psutil.Process(self.pid).create_time() - self.began) > SAME_MOMENT_SECONDS
            )
        except psutil.NoSuchProcess:
            return True

    def __str__(self) -> str:
        began = f"{datetime.fromtimestamp(self.began, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"process {self.pid} ({self.command}) of {self.user} on {self.host}, started at {began}"


@contextmanager
def only_one(home: Path, command: str, *, patience: float = ENDING_SECONDS) -> Iterator[int]:
    """Hold the lock of a home while the block runs; gives its file descriptor.

    A child that inherits the descriptor holds the lock as well, as long as it lives. When such a child outlives a
    command that was killed, it is waited for, so many seconds.

    Raises:
        PermanentError: another command works there, or the home cannot be locked; the message says whose process it is.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(file, home, command, patience)
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(asdict(Holder.of_this_process(command))).encode(), 0)
        yield file
    finally:
        os.close(file)


def _take(file: int, home: Path, command: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file)
            if holder is None or not holder.is_gone or time.monotonic() > deadline:
                raise _in_use(home, command, holder) from None
            time.sleep(POLL_SECONDS)
        except OSError as error:
            raise PermanentError(
                f"{home} cannot be locked for {command}",
                expected="a folder on a file system that supports locks (flock)",
                found=str(error),
                do="set MEDALLION_HOME to a folder on a local disk",
            ) from error
        else:
            return


def _in_use(home: Path, command: str, holder: Holder | None) -> PermanentError:
    if holder is None:
        found, do = "an unidentified process", f"see `lsof {home / LOCK}`"
    elif holder.is_gone:
        found = f"{holder}; it was killed, and processes that it started are still running"
        do = f"stop them: `lsof {home / LOCK}`"
    else:
        found, do = str(holder), f"stop it (Ctrl-C where it runs, or `kill {holder.pid}`)"
    return PermanentError(
        f"{command} cannot use {home}: another command is using it",
        expected="one at a time",
        found=found,
        do=f"{do}, or set MEDALLION_HOME to another folder",
    )


def _holder(file: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(file, 10_000, 0)))
    except (ValueError, TypeError):
        return None

"""The processes that carry out runs: whether one lives and is the same still, and how it is ended.

Belongs here: the identity of a process, ending it with its children.
Does not: which one holds a run, starting processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil  # type: ignore[import-untyped]

SAME_MOMENT_SECONDS = 2.0
"""How much later than it was noted a process may seem to have begun: clocks are rounded and corrected."""
ENDED_SECONDS = 5.0
"""What was killed is gone by then, unless it hangs in the kernel."""
POLL_SECONDS = 0.05
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class RunProcess:
    """A process that carries out a run, and when that was noted (UNIX seconds).

    `is_worker`: it was started for this run alone and leads a session of its own, in which its children are.
    `birth`: what no other process shares that is given the same id, whatever the clock does; empty where it is unknown.
    """

    pid: int
    host: str
    noted_at: float
    is_worker: bool = False
    birth: str = ""

    @classmethod
    def of(cls, pid: int, *, is_worker: bool = False) -> RunProcess:
        """A process of this host, as of now."""
        return cls(pid=pid, host=socket.gethostname(), noted_at=time.time(), is_worker=is_worker, birth=_birth(pid))

    @classmethod
    def of_this(cls) -> RunProcess:
        """Ourselves."""
        return cls.of(os.getpid())

    @property
    def is_here(self) -> bool:
        """Whether it is of this host."""
        return self.host == socket.gethostname()

    @property
    def lives(self) -> bool:
        """Whether it is there, and is not a younger one that was given the same id."""
        if self.birth:
            return is_running(self.pid) and _birth(self.pid) == self.birth
        with suppress(psutil.NoSuchProcess):
            began_at = psutil.Process(self.pid).create_time()
            return is_running(self.pid) and began_at <= self.noted_at + SAME_MOMENT_SECONDS
        return False

    @property
    def is_of_this_boot(self) -> bool:
        """Whether the host was not started again since: after that every id is another process's."""
        return self.birth.partition("/")[0] in ("", _boot())


def end_process(process: RunProcess, *, grace_seconds: float) -> bool:
    """The same for a process that holds nothing, and is known by its id and the time at which it reported itself."""
    return not process.lives or end_while(process, lambda: process.lives, grace_seconds)


def end_what_is_left(process: RunProcess | None) -> None:
    """Kill what a worker that is gone has left in its session."""
    if process is None or not process.is_here or not process.is_of_this_boot:
        return
    if process.is_worker and not is_running(process.pid):
        _send(_session(process.pid), signal.SIGKILL)  # the kernel gives no id away while it is that of a session


def end_while(process: RunProcess, goes_on: Callable[[], bool], grace_seconds: float) -> bool:
    """End a process, for whose end something is a sign that goes on until then. Whether it is over."""
    family = _process_and_children(process.pid) if process.lives else []
    if grace_seconds:
        _send(family[:1], signal.SIGTERM)
        wait_while(goes_on, grace_seconds)
    if goes_on():
        session = _session(process.pid) if process.is_worker and process.lives else []
        _send([*family, *session], signal.SIGKILL)
    is_over = not wait_while(goes_on, ENDED_SECONDS)
    end_what_is_left(process)
    return is_over


def end_with_parent() -> None:
    """Where this process was made for a step: kill it as soon as that of its run is gone, which made it.

    What it would still write belonged to a run that may have been started anew.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="end-with-run", daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _boot() -> str:
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def _birth(pid: int) -> str:
    """The boot of the host, and the tick of it at which a process began; empty where the kernel does not say."""
    tick = _tick(pid)
    return f"{_boot()}/{tick}" if tick else ""


def _tick(pid: int) -> str:
    try:
        after_its_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return after_its_name[19]
    except (OSError, IndexError):
        return ""


def began_at() -> float | None:
    """When this process had begun, by the clock as it is now (UNIX seconds); None where the kernel does not say."""
    tick = _tick(os.getpid())
    if not tick or not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + (int(tick) + 1) / os.sysconf("SC_CLK_TCK")


def is_running(pid: int) -> bool:
    """Whether a process has this id, and has not ended."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _process_and_children(pid: int) -> list[psutil.Process]:
    """The process first. psutil signals none whose id is another's since."""
    with suppress(psutil.NoSuchProcess):
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    return []


def _session(leader: int) -> list[psutil.Process]:
    """The processes of the session that a worker leads, or led."""
    return [process for process in psutil.process_iter() if _session_of(process.pid) == leader]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)


def wait_while(goes_on: Callable[[], bool], seconds: float, *, every_seconds: float = POLL_SECONDS) -> bool:
    """Wait until something does not go on any more, which is looked at so often; whether it still does."""
    deadline = time.monotonic() + seconds
    while goes_on():
        if time.monotonic() > deadline:
            return True
        time.sleep(every_seconds)
    return False

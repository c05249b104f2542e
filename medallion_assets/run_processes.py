"""The processes that carry out runs on this host: which one holds a run, whether it lives, and how it is ended.

Belongs here: the lock of a run, what its holder has noted in it, ending a process with its children.
Does not: what Dagster says of a run (run_watch.py), starting processes (run_worker.py).

A run is held by a lock on a file of its own (flock), which the kernel takes away the moment the process ends, however
it ends: no process id that was given away again, no clock and no load is mistaken for an answer. Who wants to start a
run or to give it up takes the lock first. So a run never has two processes, and none that lives is called lost.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

FOLDER = "run_processes"
"""Below $DAGSTER_HOME: a file for each run that is at work, named by its id."""
SAME_MOMENT_SECONDS = 2.0
"""How much later than it was noted a process may seem to have begun: clocks are rounded and corrected."""
ENDED_SECONDS = 5.0
"""What was killed is gone by then, unless it hangs in the kernel."""
POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class RunProcess:
    """A process that carries out a run, and when that was noted (UNIX seconds).

    `is_worker`: it was started for this run alone and leads a session of its own, in which its children are.
    """

    pid: int
    host: str
    noted_at: float
    is_worker: bool = False

    @classmethod
    def of(cls, pid: int, *, is_worker: bool = False) -> RunProcess:
        """A process of this host, as of now."""
        return cls(pid=pid, host=socket.gethostname(), noted_at=time.time(), is_worker=is_worker)

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
        with suppress(psutil.NoSuchProcess):
            began_at = psutil.Process(self.pid).create_time()
            return _is_there(self.pid) and began_at <= self.noted_at + SAME_MOMENT_SECONDS
        return False


@dataclass(frozen=True)
class Hold:
    """A run's lock, in the hands of this process. A child that inherits `file` holds it as well."""

    path: Path
    file: int

    def note(self, process: RunProcess) -> None:
        """Write down who carries out the run."""
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, json.dumps(asdict(process)).encode(), 0)

    def let_go(self) -> None:
        """Close it. What inherited it goes on holding it."""
        os.close(self.file)

    def end(self) -> None:
        """Close it for good: no process is to carry out this run any more."""
        self.path.unlink(missing_ok=True)
        os.close(self.file)


def take(folder: Path, run_id: str, *, patience_seconds: float = 0.0) -> Hold | None:
    """Hold a run; None when a process does already, or the file is another account's.

    Who asks whether it is held holds it for a moment as well: with patience that is waited for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / run_id
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(file).st_ino:
                return Hold(path, file)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(file)
                return None
            time.sleep(POLL_SECONDS)
        except FileNotFoundError:  # its holder removed it in between: there may be another by now
            pass
        os.close(file)


def is_held(folder: Path, run_id: str) -> bool:
    """Whether a process holds the run. Changes nothing."""
    try:
        file = os.open(folder / run_id, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError:  # of another account, which removes it when it ends
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)


def is_known(folder: Path, run_id: str) -> bool:
    """Whether a process ever held the run, and nobody has settled since what became of it."""
    return (folder / run_id).exists()


def noted(folder: Path, run_id: str) -> RunProcess | None:
    """Who held the run last, as far as it was noted."""
    try:
        return RunProcess(**json.loads((folder / run_id).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def known_runs(folder: Path) -> list[str]:
    """The runs that processes hold, or held when they were killed."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def end(folder: Path, run_id: str, *, grace_seconds: float) -> bool:
    """Ask the process that holds a run to end; after the grace kill it. Whether none holds it any more.

    Children that it started do not outlive it.
    """
    process = noted(folder, run_id)
    if not is_held(folder, run_id):
        return True
    if process is None or not process.is_here:
        return False
    return _end(process, lambda: is_held(folder, run_id), grace_seconds)  # held: so it is the one that was noted


def end_process(process: RunProcess, *, grace_seconds: float) -> bool:
    """The same for a process that holds nothing, and is known by its id and the time at which it told of itself."""
    return not process.lives or _end(process, lambda: process.lives, grace_seconds)


def end_what_is_left(process: RunProcess | None) -> None:
    """Kill what a worker that is gone has left in its session."""
    if process is not None and process.is_here and process.is_worker and not _is_there(process.pid):
        _send(_session(process.pid), signal.SIGKILL)  # the kernel gives no id away while it is that of a session


def end_workers(folder: Path) -> list[str]:
    """Kill what was started for runs and is at work; the runs that this ended. Whoever watches starts them anew."""
    workers = [run_id for run_id in known_runs(folder) if (process := noted(folder, run_id)) and process.is_worker]
    return [run_id for run_id in workers if end(folder, run_id, grace_seconds=0)]


def _end(process: RunProcess, goes_on: Callable[[], bool], grace_seconds: float) -> bool:
    family = _process_and_children(process.pid)
    if grace_seconds:
        _send(family[:1], signal.SIGTERM)
        _wait_while(goes_on, grace_seconds)
    if goes_on():
        _send([*family, *(_session(process.pid) if process.is_worker else ())], signal.SIGKILL)
    is_over = not _wait_while(goes_on, ENDED_SECONDS)
    end_what_is_left(process)
    return is_over


def _is_there(pid: int) -> bool:
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


def _wait_while(goes_on: Callable[[], bool], seconds: float) -> bool:
    """Wait until something does not go on any more; whether it still does."""
    deadline = time.monotonic() + seconds
    while goes_on():
        if time.monotonic() > deadline:
            return True
        time.sleep(POLL_SECONDS)
    return False

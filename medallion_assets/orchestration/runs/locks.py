"""The locks of runs: which process holds a run, what it has noted there, and ending who holds one.

Belongs here: the file of each run, taking it, asking whether it is held.
Does not: what a process is, what Dagster says of a run, starting.

A run is held by a lock on a file of its own (flock), which the kernel takes away the moment the process ends, however
it ends: no process id that was given away again, no clock and no load is mistaken for an answer. Who wants to start a
run or to give it up takes the lock first. So a run never has two processes, and none that lives is called lost.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.runs.processes import POLL_SECONDS, RunProcess, end_while, is_running, wait_while
from medallion_assets.orchestration.runs.spill import folder_for, remove

FOLDER = "run_processes"
"""Below $DAGSTER_HOME: a file for each run that is at work, named by its id."""


class RunLockError(PermanentError):
    """Whether a run is held cannot be known, or no run can be: the file or its folder is another account's."""


@dataclass(frozen=True)
class Hold:
    """A run's lock, in the hands of this process. A child that inherits `file` holds it as well."""

    path: Path
    file: int

    def note(self, process: RunProcess) -> None:
        """Write down who carries out the run."""
        self.forget()
        os.pwrite(self.file, to_json(process).encode(), 0)

    def forget(self) -> None:
        """Whoever was noted carries it out no more."""
        os.ftruncate(self.file, 0)

    def let_go(self) -> None:
        """Close it. What inherited it goes on holding it."""
        os.close(self.file)

    def end(self) -> None:
        """Close it for good: no process is to carry out this run any more, and nothing that one has spilled stays."""
        remove(folder_for(self.path.parent.parent, self.path.name))
        self.path.unlink(missing_ok=True)
        os.close(self.file)


def take(folder: Path, run_id: str, *, patience_seconds: float = 0.0) -> Hold | None:
    """Hold a run; None when a process does already.

    Who asks whether it is held holds it for a moment as well: with patience that is waited for.

    Raises:
        RunLockError: its file cannot be written, and nobody holds it.
    """
    expect_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / run_id
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError:
            if is_held(folder, run_id):
                return None
            _remove_left(path)
            continue
        try:
            with suppress(PermissionError):  # whatever the umask: other accounts are to see that it is held
                os.fchmod(file, 0o644)
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


def expect_writable(folder: Path) -> None:
    """Look at the folder where runs are held, or at that in which it is to be made.

    Raises:
        RunLockError: this account cannot write it.
    """
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise _not_ours(folder)


def is_held(folder: Path, run_id: str) -> bool:
    """Whether a process holds the run. Changes nothing.

    Raises:
        RunLockError: its file cannot be read.
    """
    try:
        file = os.open(folder / run_id, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise _not_ours(folder / run_id if os.access(folder, os.X_OK, effective_ids=True) else folder) from error
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)


def is_known(folder: Path, run_id: str) -> bool:
    """Whether a process ever held the run, and nobody has concluded it since."""
    return (folder / run_id).exists()


def noted(folder: Path, run_id: str) -> RunProcess | None:
    """Who held the run last, as far as it was noted."""
    try:
        return from_json_or_none(RunProcess, (folder / run_id).read_bytes())
    except OSError:
        return None


def note_this(folder: Path, run_id: str) -> None:
    """Note this process as the one that carries out a run which it has held from its start.

    Who started it does so too, unless that was killed in between.
    """
    if noted(folder, run_id) is None:
        with suppress(FileNotFoundError):
            hold = Hold(folder / run_id, os.open(folder / run_id, os.O_RDWR | os.O_CLOEXEC))
            hold.note(RunProcess.of(os.getpid(), is_worker=os.getsid(0) == os.getpid()))
            hold.let_go()


def known_runs(folder: Path) -> list[str]:
    """The runs that processes hold, or held when they were killed."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def end(folder: Path, run_id: str, *, grace_seconds: float, reported: RunProcess | None = None) -> bool:
    """Ask the process that holds a run to end; after the grace kill it. Whether none holds it any more.

    Children that it started do not outlive it. `reported`: the process, where nothing is noted.
    """
    process = noted(folder, run_id) or reported
    if not is_held(folder, run_id):
        return True
    if process is None or not process.is_here:
        return False
    if not process.lives and is_running(process.pid):  # the id is another's; somebody else is looking at this moment
        return not wait_while(lambda: is_held(folder, run_id), POLL_SECONDS)
    return end_while(process, lambda: is_held(folder, run_id), grace_seconds)


def end_workers(folder: Path) -> list[str]:
    """Kill what was started for runs and is at work; the runs that this ended. Whoever watches starts them anew."""
    workers = [run_id for run_id in known_runs(folder) if (process := noted(folder, run_id)) and process.is_worker]
    return [run_id for run_id in workers if end(folder, run_id, grace_seconds=0)]


def _remove_left(path: Path) -> None:
    """Remove what another account left whose process is gone: in a folder of ours we may."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(file).st_ino:
            path.unlink()
    except (BlockingIOError, FileNotFoundError):  # somebody came between
        pass
    except PermissionError as error:
        raise _not_ours(path) from error
    finally:
        os.close(file)


def _not_ours(path: Path) -> RunLockError:
    account = _name(os.geteuid())
    try:
        owner = _name(path.stat().st_uid)
    except OSError:
        owner = "another account"
    do = f"run this as {owner}; or, if {account} is the account of the deployment: chown -R {account}: {path}"
    return RunLockError(f"{account} may not hold runs there, it belongs to {owner}", where=str(path), do=do)


def _name(account: int) -> str:
    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:
        return str(account)

"""What the process that is forked has imported: whether it is what a new process would import, and safe to fork.

Belongs here: importing, the files and threads that came of it.
Does not: forking, what differs from run to run.

A thread that holds a lock at the moment of a fork holds it for ever in the child. The threads that Polars and delta-rs
start when they are imported do no harm: runs that were forked beside them ended, all of them. Those that compute do:
after one query of Polars a child hangs, after one write of delta-rs it panics. So threads are known by name, and a
process with any other is not forked.
"""

from __future__ import annotations

import gc
import importlib
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from traceback import format_exception_only
from typing import Any

from medallion_assets.orchestration.runs.processes import began_at
from medallion_assets.settings.environment import inherited_environment, other_variables
from medallion_assets.storage.packages import PYTHON, is_written_since, python_in

HARMLESS_THREADS = frozenset({"jemalloc_bg_thd", "polars-ooc-clea"})
"""Those of memory allocators, which take care of forks, and the one that removes what Polars has spilled to a disk. A
fork has none, so what a run spills lies in a folder of its own, which is removed with its end (runs/spill.py)."""
NO_THREADS = {"OPENBLAS_NUM_THREADS": "1"}
"""OpenBLAS, which comes with numpy, starts its threads when it is imported, and gives them no names."""
THREADS = Path("/proc/self/task")
LATER = (
    "alembic",
    "boto3.dynamodb.types",
    "dagster_postgres",
    "fsspec.implementations.local",
    "psycopg2.extras",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "upath",
)
"""What a run imports only once it is at work, as far as it is installed."""
COMMAND = ("dagster", "api", "execute_run")
"""What a run is, in any process."""
OF_THE_SYSTEM = ("/proc/", "/sys/", "/dev/")
NANOSECONDS = 1_000_000_000


class Imported:
    """A module that was imported with all that it needs. `failure` says why it could not be; None when it was.

    `command` is Dagster's, for any program of it. `environment` is what it was imported with, `variables` what
    libraries have set in it meanwhile.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self.failure: str | None = None
        self.command: Callable[[], str | int | None]
        self.environment = inherited_environment()
        self._opened: set[str] = set()
        self._written: set[str] = set()
        self._is_importing = True
        began = min(float(int(time.time())), began_at() or time.time())  # a file system may know whole seconds alone
        sys.addaudithook(self._heed)
        try:
            with other_variables(NO_THREADS):
                importlib.import_module(module)
                for name in LATER:
                    if find_spec(name.partition(".")[0]):
                        importlib.import_module(name)
            (script,) = entry_points(group="console_scripts", name=COMMAND[0])
            self.command = script.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's module raises is told to whoever asks
            self.failure = "".join(format_exception_only(error)).strip()
        self._is_importing = False
        self.variables = dict(inherited_environment().items() - self.environment.items())
        self._stamps = {path: stamp for path in self._paths() if (stamp := stamp_of(path))}
        read = {Path(path).parent for path in self._opened if path.endswith(PYTHON)}
        self._held = {folder: python_in(folder) for folder in sorted(read)}
        self._changed = {
            path
            for path, stamp in self._stamps.items()
            if is_written_since(began, stamp.changed_ns / NANOSECONDS, time.time())
        }
        gc.collect()
        gc.freeze()  # so that no collection in a child writes to memory which all of them share

    def changed(self) -> str | None:
        """What was read and is another by now, so that a new process would have other code; None: there is nothing.

        That are all modules that are loaded, whatever else was opened while they were imported, and the folders of the
        Python files among that: one more file is other code (`storage.packages.digest`), though nothing imports it yet.
        """
        gone = (path for path in self._stamps if not self._is_the_same(path))
        other = (str(folder) for folder, held in self._held.items() if python_in(folder) != held)
        return next(chain(self._changed, gone, other), None)

    def problem(self) -> str | None:
        """Why no run can be forked from this process; None when one can."""
        if self.failure is not None:
            return f"{self.module} cannot be imported: {self.failure}"
        try:
            unknown = sorted(threads() - HARMLESS_THREADS)
        except OSError:
            return "its threads have no names here: runs are forked only on Linux"
        if unknown:
            return (
                f"it has threads, and a fork of it could hang: {', '.join(unknown)}. "
                f"Does {self.module}, or a module of a pipeline, compute when it is imported?"
            )
        return None

    def _is_the_same(self, path: str) -> bool:
        stamp, found = self._stamps[path], stamp_of(path)
        if found is not None and found.written == stamp.written and found.names != stamp.names:
            self._stamps[path] = found  # it has one name more or less, and may lose or get it again
            return True
        return found == stamp

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note which files are opened: modules, and what they read when they are imported."""
        if not self._is_importing or event != "open" or not isinstance(arguments[0], str | bytes):
            return
        is_written = (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        (self._written if is_written else self._opened).add(str(Path(os.fsdecode(arguments[0])).absolute()))

    def _paths(self) -> Iterable[str]:
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        read = self._opened - self._written  # what it has written itself, a cache say, each process writes anew
        for path in sorted(read | {path for path in modules if isinstance(path, str)}):
            if not path.startswith(OF_THE_SYSTEM) and not path.endswith(".pyc"):
                yield path


def threads() -> set[str]:
    """The names of this process's threads, whoever started them, but for the one that asks.

    Raises:
        OSError: this system does not tell them.
    """
    own = str(threading.get_native_id())
    found = set()
    for task in THREADS.iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            found |= {(task / "comm").read_text().strip()} if task.name != own else set()
    return found


@dataclass(frozen=True, slots=True)
class Stamp:
    """What differs once a file is written or replaced: its content's time, size and inode, and its time of change.

    Nobody can set that. It also differs when a file gets one more name, or loses one: uv links what it installs.
    """

    written: tuple[int, int, int]
    changed_ns: int
    names: int


def stamp_of(path: str) -> Stamp | None:
    """The stamp of a file; None where there is none."""
    with suppress(OSError):
        found = Path(path).stat()
        if stat.S_ISREG(found.st_mode):
            return Stamp((found.st_mtime_ns, found.st_size, found.st_ino), found.st_ctime_ns, found.st_nlink)
    return None

"""Workspaces: temporary folders for what does not fit into memory, and what killed processes left of theirs.

Belongs here: making one on this machine, and removing those whose process is gone.
Does not: what is put there, or workspaces that other machines reach.

A process that is killed, or aborted because memory ran out, removes nothing, and a workspace may be as large as the
largest export. So whoever makes one first removes those that nobody holds. Held means locked (flock on the folder): the
lock ends with its process, however that ends, and is seen from another container that shares the temporary folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "medallion-work-"


@contextmanager
def workspace(base: Path | None = None) -> Iterator[Path]:
    """An empty folder below `base`, else below the temporary folder (TMPDIR), removed on leaving."""
    base = base or Path(tempfile.gettempdir())
    _remove_abandoned(base)
    folder, lock = _make(base)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make(base: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        with suppress(FileNotFoundError):  # another process saw it before it was locked, and removed it
            lock = os.open(folder, os.O_RDONLY)
            with suppress(OSError):  # a network disk may lock no folder: then none is swept there either
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_abandoned(base: Path) -> None:
    """Remove the workspaces that no process holds; what cannot be looked at is another account's."""
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)

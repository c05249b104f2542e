"""A small disk of its own that can be filled up or made read-only, for tests.

Belongs here: mounting it, and filling it to the last byte.
Does not: expectations of any kind. It needs an account that may mount; without one a test is skipped.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from medallion_assets_tests.services.processes import ServiceMissingError


@dataclass(frozen=True)
class SmallDisk:
    """The disk, mounted at `path`."""

    path: Path

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            for size in (65_536, 4_096):
                with suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def empty(self) -> None:
        """Free the space again."""
        self._ballast.unlink()

    def set_read_only(self, *, is_read_only: bool) -> None:
        """Take no writes, or take them again."""
        _run("mount", "-o", f"remount,{'ro' if is_read_only else 'rw'}", str(self.path))

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"


@contextmanager
def small_disk(path: Path, *, megabytes: int = 4) -> Iterator[SmallDisk]:
    """A disk of some megabytes, mounted at a folder that is there.

    Raises:
        ServiceMissingError: this account may not mount.
    """
    if os.geteuid() != 0:
        raise ServiceMissingError("a disk of its own needs an account that may mount")
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServiceMissingError(f"a disk of its own cannot be mounted here: {error}") from error
    try:
        yield SmallDisk(path)
    finally:
        _run("umount", "--lazy", str(path))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=30)

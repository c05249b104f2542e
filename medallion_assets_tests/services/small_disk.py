"""A disk in memory that can be filled to its last byte and emptied again: a tmpfs.

Only root may mount one.
"""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medallion_assets_tests.services.processes import ServiceMissingError

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class SmallDisk:
    """A disk that is mounted at `path`."""

    path: Path

    def fill(self) -> None:
        """Take every byte that is left, and what somebody freed meanwhile when it is called again."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (CHUNK, 4096, 1):
                self._write(file.fileno(), size)

    def free(self) -> None:
        """Give it all back."""
        self._filler.unlink()

    def set_read_only(self, *, is_read_only: bool) -> None:
        """Take no writes, or take them again."""
        how = f"remount,{'ro' if is_read_only else 'rw'}"
        subprocess.run(["mount", "-o", how, str(self.path)], check=True, capture_output=True)

    @property
    def _filler(self) -> Path:
        return self.path / "filler"

    @staticmethod
    def _write(descriptor: int, size: int) -> None:
        while True:
            try:
                os.write(descriptor, b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """A disk that every account can reach, while the block runs.

    Raises:
        ServiceMissingError: this account may mount nothing.
    """
    path = Path(tempfile.mkdtemp(prefix="medallion-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "medallion-test", str(path)]
    path.chmod(0o755)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServiceMissingError(f"a small disk needs root, and the right to mount: {done.stderr.strip()}")
        try:
            yield SmallDisk(path)
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)
    finally:
        path.rmdir()

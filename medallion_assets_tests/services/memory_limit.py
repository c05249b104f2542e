"""A memory limit for chosen processes: a cgroup, as systemd and container runtimes make them.

Only root may make one. Both versions of cgroups are known. A process that needs more is killed by the kernel.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from medallion_assets_tests.services.processes import ServiceMissingError

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryLimit:
    """A cgroup: its folder."""

    folder: Path

    def hold(self, pid: int) -> None:
        """Let a process allocate no more than the limit from now on; what it has stays its own."""
        with suppress(ProcessLookupError):
            (self.folder / "cgroup.procs").write_text(str(pid))

    def let_go(self) -> None:
        """Hold nobody any more."""
        for pid in (self.folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                (self.folder.parent / "cgroup.procs").write_text(pid)


@contextmanager
def memory_limit(megabytes: int) -> Iterator[MemoryLimit]:
    """A limit that holds nobody yet.

    Raises:
        ServiceMissingError: this account may make no cgroup for memory.
    """
    is_first = (ROOT / "memory").is_dir()
    folder = (ROOT / "memory" if is_first else ROOT) / f"medallion-test-{secrets.token_hex(4)}"
    limit = MemoryLimit(folder)
    try:
        folder.mkdir()
    except OSError as error:
        raise ServiceMissingError(f"a memory limit needs root, and cgroups: {error}") from error
    try:
        try:
            (folder / ("memory.limit_in_bytes" if is_first else "memory.max")).write_text(str(megabytes * 2**20))
        except OSError as error:
            raise ServiceMissingError(f"cgroups do not limit memory here: {error}") from error
        yield limit
    finally:
        limit.let_go()
        folder.rmdir()

"""What a process and all below it use of the CPU, those that have ended by now included.

Belongs here: looking at the processes of a tree, again and again, while somebody else works.
Does not: starting them, or goals.

Nobody is told what a process has used whose parent does not wait for it, and forked runs have such a parent. So the
last look at each counts: what it used after that, at most EVERY_SECONDS, is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil  # type: ignore[import-untyped]

EVERY_SECONDS = 0.2


def processes_of(pid: int | None) -> list[psutil.Process]:
    """A process (None: this one) and all below it; nothing when it is gone."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@dataclass
class Usage:
    """CPU seconds of the process `pid` and those below it, by what `kind` calls each of them.

    Looks while it is entered.
    """

    pid: int
    kind: Callable[[psutil.Process], str]
    _used: dict[tuple[int, float], tuple[str, float]] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look_on, name="usage", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def seconds(self) -> dict[str, float]:
        """CPU seconds so far, by kind."""
        self.look()
        sums: dict[str, float] = {}
        for kind, used in list(self._used.values()):
            sums[kind] = sums.get(kind, 0.0) + used
        return sums

    def look(self) -> None:
        """Look once at all that live."""
        for process in processes_of(self.pid):
            try:
                times = process.cpu_times()
                self._used[process.pid, process.create_time()] = self.kind(process), times.user + times.system
            except psutil.NoSuchProcess:
                continue

    def _look_on(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self.look()

"""Watching a contestant: what each stage took of wall clock, CPU and memory, of every process that works for it.

Belongs here: a process with its children, looked at ten times a second, and what they are.
Does not: what runs in them (contestants.py), or goals (scale.py).
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal

import psutil  # type: ignore[import-untyped]

from benchmarks.usage import processes_of

EVERY_SECONDS = 0.1
MEGABYTE = 1024 * 1024

Role = Literal["driver", "java", "worker"]
ROLES: tuple[Role, ...] = ("driver", "java", "worker")
Step = tuple[str, Callable[[], Any]]
"""The name of a stage, and its work."""
Play = Callable[..., Iterator[Step]]
ANSWER = ""
"""The name of a last step, which is not measured, but asked."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a stage took. `peak_mb` is of a driver, of Java, and of the largest of Spark's Python processes."""

    seconds: float
    cpu_seconds: dict[Role, float]
    peak_mb: dict[Role, float]

    @property
    def cpu(self) -> float:
        """CPU seconds of all processes."""
        return sum(self.cpu_seconds.values())


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What each stage of a contestant took, in order, and its answer."""

    stages: dict[str, Cost]
    answer: Any


class FailedError(RuntimeError):
    """A contestant ended before its answer; the stage is named, and its process said above what happened."""


def watch(play: Play, *arguments: Any, tell: Callable[[str], None] = lambda _: None) -> Watched:
    """Go through the steps of a contestant in a process of its own; `tell` is called with each as it begins."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_go_through, args=(there, play, arguments))
    process.start()
    there.close()
    stages: dict[str, Cost] = {}
    name = "its beginning"
    look = _Look(process.pid)
    try:
        while True:
            if not here.poll(EVERY_SECONDS):
                look()
                continue
            name, value = here.recv()
            look()
            if name == ANSWER:
                return Watched(stages=stages, answer=value)
            if value is None:
                tell(name)
                look.begin()
            else:
                stages[name] = Cost(seconds=value, cpu_seconds=look.cpu_since(), peak_mb=dict(look.peak_mb))
            here.send(None)
    except (EOFError, OSError):
        raise FailedError(name) from None
    finally:
        here.close()
        process.join()


def _go_through(send: Connection, play: Play, arguments: tuple[Any, ...]) -> None:
    for name, work in play(*arguments):
        if name == ANSWER:
            send.send((name, work()))
            return
        send.send((name, None))
        send.recv()  # until it was looked at
        began = time.perf_counter()
        work()
        send.send((name, time.perf_counter() - began))
        send.recv()


@dataclass(slots=True)
class _Look:
    """What a process and those below it use."""

    pid: int | None
    cpu: dict[int, tuple[Role, float]] = field(default_factory=dict)
    before: dict[Role, float] = field(default_factory=lambda: dict.fromkeys(ROLES, 0.0))
    peak_mb: dict[Role, float] = field(default_factory=dict)

    def begin(self) -> None:
        """A stage begins here."""
        self.before, self.peak_mb = self._sums(), {}
        self()

    def cpu_since(self) -> dict[Role, float]:
        """CPU seconds since the stage began."""
        return {role: used - self.before[role] for role, used in self._sums().items() if used}

    def __call__(self) -> None:
        for process in processes_of(self.pid):
            try:
                role = _role(process, is_top=process.pid == self.pid)
                times = process.cpu_times()
                self.cpu[process.pid] = role, times.user + times.system
                held = process.memory_info().rss / MEGABYTE
            except psutil.NoSuchProcess:
                continue
            self.peak_mb[role] = max(self.peak_mb.get(role, 0.0), held)

    def _sums(self) -> dict[Role, float]:
        sums = dict.fromkeys(ROLES, 0.0)
        for role, used in self.cpu.values():
            sums[role] += used
        return sums


def _role(process: psutil.Process, *, is_top: bool) -> Role:
    if is_top:
        return "driver"
    return "worker" if "python" in process.name() else "java"

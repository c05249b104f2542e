"""Faults at one chosen call of the storage: it fails, its answer is lost, the process ends, another run comes between.

Belongs here: counting the calls that read or change tables, and doing something at one of them.
Does not: which run is disturbed, and what must hold afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from deltalake import DeltaTable

from medallion_assets.delta.staging import TableFolder
from medallion_assets.delta.table import Lakehouse

Calls = tuple[tuple[type, str], ...]
"""Methods, by their class and name."""
CHANGES: Calls = (
    (TableFolder, "stage"),
    (DeltaTable, "create_write_transaction"),
    (DeltaTable, "create"),
)
"""The calls that change what is stored."""
COMMITS = CHANGES[1:2]
READS_AND_COMMITS = (*COMMITS, (Lakehouse, "open"))
"""Between any two of these another run may come."""

Call = Callable[[], Any]
Disturb = Callable[[Call], Any]
"""What happens in the place of a call: it may make the call or not, and raise or not."""


class KilledError(BaseException):
    """The process ended at this moment: no handler of errors runs."""


def fails(_: Call) -> None:
    """The storage fails; nothing was done."""
    raise OSError("the storage failed")


def loses_its_answer(call: Call) -> None:
    """The call is carried out, and the caller is told that it failed."""
    call()
    raise OSError("the connection broke")


def is_killed_before(_: Call) -> None:
    """The process ends just before the call."""
    raise KilledError


def is_killed_after(call: Call) -> None:
    """The process ends just after the call."""
    call()
    raise KilledError


def is_killed_after_its_items(call: Call) -> None:
    """The process ends when all is done that it had others do, and it has made nothing of their answers."""
    answers = call()
    if isinstance(answers, Iterator):
        list(answers)
    raise KilledError


class Disturbance:
    """Counts calls; does something in the place of number `at` (from 0), or of every one (None)."""

    def __init__(self, at: int | None, disturb: Disturb) -> None:
        self.calls = 0
        self._at = at
        self._disturb = disturb
        self._is_busy = False

    @property
    def has_happened(self) -> bool:
        return self._at is None or self.calls > self._at

    def take(self, call: Call) -> Any:
        """Make a call of the storage, or what happens in its place; calls made by that are not counted."""
        if self._is_busy:
            return call()
        number = self.calls
        self.calls += 1
        if self._at not in (None, number):
            return call()
        self._is_busy = True
        try:
            return self._disturb(call)
        finally:
            self._is_busy = False


@contextmanager
def disturbed(at: int | None, disturb: Disturb, calls: Calls = CHANGES) -> Iterator[Disturbance]:
    """While the block runs, call number `at` (from 0; None: every one) of `calls` is disturbed."""
    disturbance = Disturbance(at, disturb)

    def counted(original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            return disturbance.take(lambda: original(*args, **kwargs))

        return call

    patches = [mock.patch.object(owner, name, counted(getattr(owner, name))) for owner, name in calls]
    for patch in patches:
        patch.start()
    try:
        yield disturbance
    finally:
        for patch in patches:
            patch.stop()

"""Faults at one chosen call of the storage: it fails, its answer is lost, the process ends, another run comes between.

Belongs here: counting the calls that read or change tables, and doing something at one of them.
Does not: which run is disturbed, and what must hold afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from deltalake import DeltaTable

from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.store import TableStore
from medallion_assets.delta.table import Lakehouse

Calls = tuple[str, ...]
"""Names of calls."""
WRITE, COMMIT, CREATE, ADD_COLUMNS, OPEN, ITEMS = "write", "commit", "create", "add_columns", "open", "items"
CHANGES: Calls = (WRITE, COMMIT, CREATE, ADD_COLUMNS)
"""The calls that change what is stored."""
COMMITS: Calls = (COMMIT,)
READS_AND_COMMITS: Calls = (COMMIT, OPEN)
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
    """Counts calls of some names; does something in the place of number `at` (from 0), or of every one (None).

    `tables` are those whose calls count, all of them if it is None.
    """

    def __init__(
        self, at: int | None, disturb: Disturb, calls: Calls = CHANGES, tables: Collection[Table] | None = None
    ) -> None:
        self.calls = 0
        self._at = at
        self._disturb = disturb
        self._names = calls
        self._places = None if tables is None else tuple(f"/{table.path}" for table in tables)
        self._is_busy = False

    @property
    def has_happened(self) -> bool:
        return self._at is None or self.calls > self._at

    def of(self, lakehouse: Lakehouse) -> Lakehouse:
        """The same lakehouse, whose calls of the storage are counted, and disturbed."""
        return replace(lakehouse, store=DisturbedStore(self.take))

    def take(self, name: str, call: Call, uri: str = "") -> Any:
        """Make a call, or what happens in its place; calls made by that are not counted."""
        if self._is_busy or name not in self._names or not uri.rstrip("/").endswith(self._places or ""):
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


@dataclass(frozen=True)
class DisturbedStore(TableStore):
    """A store whose calls are handed to `take`: the name of each, the call, and the place of the table."""

    take: Callable[[str, Call, str], Any]

    def open(self, uri: str, *more: Any) -> DeltaTable:
        return self.take(OPEN, lambda: TableStore.open(self, uri, *more), uri)

    def create(self, table: Table, uri: str, *more: Any) -> DeltaTable:
        return self.take(CREATE, lambda: TableStore.create(self, table, uri, *more), uri)

    def add_columns(self, delta: DeltaTable, *more: Any) -> None:
        self.take(ADD_COLUMNS, lambda: TableStore.add_columns(self, delta, *more), delta.table_uri)

    def commit(self, delta: DeltaTable, *more: Any, **named: Any) -> None:
        self.take(COMMIT, lambda: TableStore.commit(self, delta, *more, **named), delta.table_uri)

    def folder(self, *where: Any) -> TableFolder:
        plain = TableStore.folder(self, *where)
        return DisturbedFolder(table=plain.table, uri=plain.uri, storage_options=plain.storage_options, take=self.take)


@dataclass(frozen=True, kw_only=True)
class DisturbedFolder(TableFolder):
    """The same of a folder in which files are written; other processes are not disturbed."""

    take: Callable[[str, Call, str], Any]

    def write(self, *rows: Any, **named: Any) -> WrittenFile:
        return self.take(WRITE, lambda: TableFolder.write(self, *rows, **named), self.uri)

    def __reduce__(self) -> tuple[Any, ...]:
        plain = partial(TableFolder, table=self.table, uri=self.uri, storage_options=self.storage_options)
        return plain, ()

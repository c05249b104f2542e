"""Tables that cannot be read or written: their features, a broken log, lost files; for looks at a whole lakehouse.

Belongs here: finding them, and continuing without them.
Does not: which features these are, what exactly is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.features import expect_features_written
from medallion_assets.delta.one_look import OneLook
from medallion_assets.delta.storage_errors import words
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError, TableFeatureError, UnreadableTableError
from medallion_assets.operations.tables.every import OPERATIONS_TABLES, every_table

P = ParamSpec("P")
T = TypeVar("T")


def refused_tables(lakehouse: Lakehouse) -> Iterator[tuple[Table, TableFeatureError | UnreadableTableError]]:
    """Each such table, with what is said of it.

    Raises:
        TransientError: the storage did not answer.
    """
    for table in every_table(lakehouse.catalog):
        if (error := _why_refused(lakehouse, table)) is not None:
            yield table, error


def refusal(lakehouse: Lakehouse, table: Table) -> TableFeatureError | None:
    """The features for which a stage that writes the table would be refused; None: it has none, or cannot be opened."""
    error = _why_refused(lakehouse, table)
    return error if isinstance(error, TableFeatureError) else None


UNREADABLE = (TableFeatureError, UnreadableTableError, pl.exceptions.PolarsError, FileNotFoundError)
"""What reading a table raises of which something is broken: its features, its log, its files."""


def find_readable(lakehouse: Lakehouse, table: Table) -> Snapshot | None:
    """As `Lakehouse.find`; None as well for a table that cannot be read for its features or its log."""
    try:
        return lakehouse.find(table)
    except (TableFeatureError, UnreadableTableError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TolerantLook(OneLook):
    """A look for pages: a table of OPERATIONS_TABLES that cannot be read is as one that is not there.

    `refused_tables` names it all the same. Whoever writes, or raises or ends alerts, takes no such look:
    nothing known is not nothing wrong.
    """

    @classmethod
    def at(cls, lakehouse: Lakehouse) -> TolerantLook:
        """Such a look at a lakehouse, with what another look has opened already."""
        if isinstance(lakehouse, TolerantLook):
            return lakehouse
        look = OneLook.at(lakehouse)
        return cls(**{part.name: getattr(look, part.name) for part in fields(OneLook)})

    def find(self, table: Table) -> Snapshot | None:
        """As `Lakehouse.find`, and None for such a table."""
        try:
            return OneLook.find(self, table)
        except (TableFeatureError, UnreadableTableError):
            if table in OPERATIONS_TABLES:
                return None
            raise

    def leave_out_damaged(self) -> bool:
        """From now on, do without the tables of OPERATIONS_TABLES whose files cannot all be read; whether any are."""
        damaged = dict[str, UnreadableTableError]()
        for table in OPERATIONS_TABLES:
            if (snapshot := self.find(table)) is None:
                continue
            try:
                snapshot.scan().select(pl.all().count()).collect(engine="streaming")
            except UNREADABLE as error:
                damaged[table.name] = _damaged(table, error)
        self.opened.update(damaged)
        return bool(damaged)


def tolerant(read: Callable[Concatenate[Lakehouse, P], T]) -> Callable[Concatenate[Lakehouse, P], T]:
    """Have it read by a tolerant look, and once more where files of a table of OPERATIONS_TABLES are damaged.

    Nobody opens every file beforehand: that costs more than the reading.
    """

    @wraps(read)
    def tolerating(lakehouse: Lakehouse, /, *args: P.args, **kwargs: P.kwargs) -> T:
        look = TolerantLook.at(lakehouse)
        try:
            return read(look, *args, **kwargs)
        except UNREADABLE:
            if not look.leave_out_damaged():
                raise
            return read(look, *args, **kwargs)

    return tolerating


def _damaged(table: Table, error: Exception) -> UnreadableTableError:
    return UnreadableTableError(
        f"{table.name} cannot be read",
        expected="data files that are there, and whole",
        found=words(error),
        do="run `medallion verify --digests`, which names each damaged file, and restore them from a backup",
    )


def _why_refused(lakehouse: Lakehouse, table: Table) -> TableFeatureError | UnreadableTableError | None:
    try:
        snapshot = lakehouse.open(table)  # which `TolerantLook.find` would keep to itself
        expect_features_written(snapshot.delta, table, snapshot.uri)
    except (TableFeatureError, UnreadableTableError) as error:
        return error
    except PermanentError:  # it is not there, or the place of all tables is wrong, of which others speak
        return None
    return None

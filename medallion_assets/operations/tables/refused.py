"""Tables that cannot be read or written, for their features or a broken log; for looks at a whole lakehouse.

Belongs here: finding them, and continuing without them.
Does not: which features these are, what exactly is broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.features import expect_features_written
from medallion_assets.delta.one_look import OneLook
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError, TableFeatureError, UnreadableTableError
from medallion_assets.operations.tables.every import OPERATIONS_TABLES, every_table


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


def _why_refused(lakehouse: Lakehouse, table: Table) -> TableFeatureError | UnreadableTableError | None:
    try:
        snapshot = lakehouse.open(table)  # which `TolerantLook.find` would keep to itself
        expect_features_written(snapshot.delta, table, snapshot.uri)
    except (TableFeatureError, UnreadableTableError) as error:
        return error
    except PermanentError:  # it is not there, or the place of all tables is wrong, of which others speak
        return None
    return None

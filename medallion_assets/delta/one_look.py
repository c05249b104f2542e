"""One look: a lakehouse for who only reads, in which each table is opened once.

Belongs here: keeping what was opened, or was not there.
Does not: opening tables, or reading them.

Opening a table reads its whole log. Who asks many questions of the same tables, as the status does, would read it for
each of them, and would see a table of one moment beside itself of another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import MissingTableError, PermanentError


@dataclass(frozen=True, slots=True, kw_only=True)
class OneLook(Lakehouse):
    """The lakehouse as it is when each table is first asked for. Nothing may be committed on its snapshots."""

    opened: dict[str, Snapshot | PermanentError] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def at(cls, lakehouse: Lakehouse) -> OneLook:
        """A look at a lakehouse, from now on; a look stays the look that it is."""
        if isinstance(lakehouse, OneLook):
            return lakehouse
        return cls(**{part.name: getattr(lakehouse, part.name) for part in fields(Lakehouse)})

    def open(self, table: Table, version: int | None = None) -> Snapshot:
        """As the lakehouse opens it, the latest version once.

        Raises:
            MissingTableError, UnreadableTableError, PermanentError, TransientError: as `Lakehouse.open` does.
        """
        if version is not None:
            return Lakehouse.open(self, table, version)
        if table.name not in self.opened:
            try:
                self.opened[table.name] = Lakehouse.open(self, table)
            except MissingTableError as missing:
                self.opened[table.name] = missing
        found = self.opened[table.name]
        if isinstance(found, PermanentError):
            raise found
        return found

    def exists(self, table: Table) -> bool:
        """Whether the table was there when it was first asked for; raises as `open` does."""
        return self.find(table) is not None

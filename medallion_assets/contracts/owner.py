"""Owners: whose batches a table takes, so that those of another are not taken for its own (rule B3).

Belongs here: what a declaration and earlier batches say of it.
Does not: comparing a batch with it (sources), or finding it in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from medallion_assets.contracts.batch import Batch

TABLE_RECREATED = "table_recreated"
"""The verdict on a batch of a table that was dropped and made anew: loading stops until a person confirms it (B3)."""
FULL_BATCH_MISSING = "full_export_missing"
"""The verdict on one of a table that a person confirmed: it waits for the full batch that begins the new chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose batches the table `table` takes; `name` is None before anything says it.

    `accepts` are others, whose batches are taken on purpose. `by_declaration`: whoever declared the table named it.
    `presumed_from`: nothing but the origin of that batch said that it is the table's own.
    """

    table: str
    name: str | None = None
    accepts: tuple[str, ...] = ()
    by_declaration: bool = False
    presumed_from: str | None = None

    @property
    def declared_text(self) -> str:
        """What the declaration says, as a text that changes with it; empty when it says nothing."""
        named = [f"source_arn={self.name}"] if self.by_declaration else []
        return " ".join([*named, *(f"accepts={name}" for name in sorted(self.accepts))])

    def or_of(self, batch: Batch, *, has_rows: bool) -> Owner:
        """With the owner of a batch that is loaded now, where nothing says one; never one of `accepts`."""
        if self.name is not None or batch.owner is None or batch.owner in self.accepts:
            return self
        return replace(self, name=batch.owner, presumed_from=batch.id if has_rows else None)

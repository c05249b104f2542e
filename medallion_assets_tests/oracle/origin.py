"""Which table an export is of: what is loaded, what is refused, and which table comes after which (rule B3).

Belongs here: the ARN, the tableId, and what a person confirms.
Does not: what the exports of several tables make together: refining/ledger/chain.py (each has its own chain),
refining/merging/merge.py (what counts).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from medallion_assets_tests.oracle.model import ExportInput

WRONG_TABLE = "wrong_table"
TABLE_RECREATED = "table_recreated"
FULL_BATCH_MISSING = "full_export_missing"


@dataclass(frozen=True)
class Delivery:
    """An export, and the table that its manifest names."""

    export: ExportInput
    arn: str
    table_id: str


@dataclass(frozen=True)
class Run:
    """What has arrived before a run of loading, and which tables a person has confirmed since the one before it."""

    arrived: Sequence[Delivery] = ()
    confirmed: Collection[str] = ()


@dataclass
class Loading:
    """What is in, in the order of loading, each export with its generation; why the others are not."""

    source_arn: str | None = None
    accepts: Collection[str] = ()
    loaded: list[ExportInput] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    table_ids: list[str] = field(default_factory=list)
    confirmed: set[str] = field(default_factory=set)
    pending: list[Delivery] = field(default_factory=list)

    def run(self, run: Run) -> None:
        """Load what may be loaded, the full exports first: windows of a new table wait for one of them."""
        self.confirmed |= set(run.confirmed)
        self.pending += run.arrived
        self.refused = {}
        for delivery in sorted(
            self.pending, key=lambda delivery: (not delivery.export.is_full, delivery.export.export_id)
        ):
            verdict = self._verdict(delivery)
            if verdict is not None:
                self.refused[delivery.export.export_id] = verdict
                continue
            if delivery.table_id not in self.table_ids:
                self.table_ids.append(delivery.table_id)
            self.source_arn = self.source_arn or delivery.arn
            self.pending.remove(delivery)
            generation = self.table_ids.index(delivery.table_id)
            self.loaded.append(replace(delivery.export, generation=generation))

    def _verdict(self, delivery: Delivery) -> str | None:
        """Why an export is not loaded; the first one of a table without a `source_arn` says what the table is."""
        if delivery.arn not in {self.source_arn or delivery.arn, *self.accepts}:
            return WRONG_TABLE
        if not self.table_ids or delivery.table_id in self.table_ids:
            return None
        if delivery.table_id not in self.confirmed:
            return TABLE_RECREATED
        return None if delivery.export.is_full else FULL_BATCH_MISSING


def load(runs: Sequence[Run], *, source_arn: str | None = None, accepts: Collection[str] = ()) -> Loading:
    """What is in after some runs.

    An export of a table that nobody has confirmed stops the loading of what follows it; once it is confirmed all of
    that is loaded, so this does not follow in which order a stopped run had looked at them.
    """
    loading = Loading(source_arn=source_arn, accepts=accepts)
    for run in runs:
        loading.run(run)
    return loading

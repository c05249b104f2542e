"""Replay: a judged table made once more from Bronze, in a lakehouse of its own.

Belongs here: the order of the batches, and applying one group of them to the copy.
Does not: which batches count and which rows are good; `medallion verify --deep` repeats what was decided, a rebuild
decides by the current contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.aside import Place
from medallion_assets.refining.judging.quarantine import bad_keys
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.ledger.origins import Origins
from medallion_assets.refining.merging.history_table import merge_history
from medallion_assets.refining.merging.merge import merge
from medallion_assets.refining.refine import commit_change
from medallion_assets.refining.replace import replace_partition


@dataclass(kw_only=True)
class JudgedCopy:
    """A copy of a judged table in `scratch`; `applied` are the batches that it holds.

    `quarantined_in` is the lakehouse whose quarantine knows which keys were bad in a full batch (rule K1);
    `origins` are those of its batches (rule B3).
    """

    loaded: Loaded
    scratch: Lakehouse
    quarantined_in: Lakehouse
    origins: Origins = field(default_factory=Origins)
    applied: list[Batch] = field(default_factory=list)

    def groups(self, batches: Sequence[Batch]) -> Iterator[list[Batch]]:
        """The batches in groups to apply, one after the other.

        Of a table that was made anew the full batches go first: then nothing that the former one wrote after its end
        is in the copy before that end is known (rule B3).
        """
        in_order = sorted(batches, key=lambda batch: not batch.is_full) if self.origins.count > 1 else batches
        return batch_groups(in_order, self.scratch.engine.bounds.commit_rows)

    def apply(self, group: Sequence[Batch], good: Sequence[pl.LazyFrame], workspace: Place) -> None:
        """Apply the good records of a group of batches; in which order groups come does not matter (rule K4)."""
        before = [batch for batch in self.applied if batch.is_full]
        applying = next((batch for batch in group if batch.is_full), None)
        keys = bad_keys(self.quarantined_in, self.loaded, [*before, applying] if applying else before)
        held = [*self.applied, *group]
        order = self.loaded.source.order
        fulls = FullBatches.of(self.origins, held, applied=before, applying=applying, bad_keys=keys, order=order)
        copy = self.scratch.ready(self.loaded.table)
        if self.loaded.months is not None:
            (batch,) = group
            change = replace_partition(copy, good, batch)
        elif self.loaded.table.history:
            change = merge_history(self.loaded, copy, good, fulls, (), workspace)
        else:
            change = merge(copy, good, fulls, workspace)
        commit_change(copy, change, {}, {})
        for path in change.removed:  # nobody goes back in the copy: it stays of the size of the table
            (Path(copy.uri) / path).unlink(missing_ok=True)
        self.applied += group


def batch_groups(batches: Iterable[Batch], most: int) -> Iterator[list[Batch]]:
    """The batches in order: one full batch at a time, or incremental ones of so many records at most, or one."""
    group: list[Batch] = []
    for batch in batches:
        is_too_much = sum(batch.records for batch in (*group, batch)) > most
        if group and (batch.is_alone or group[-1].is_alone or is_too_much):
            yield group
            group = []
        group.append(batch)
    if group:
        yield group

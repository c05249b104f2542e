"""Replay: a judged table made once more from Bronze, in a lakehouse of its own.

Belongs here: the order of the exports, and applying one group of them to the copy.
Does not: which exports count and which rows are good; `medallion verify --deep` repeats what was decided
(operations.verify.recomputation), a rebuild decides by the current contract (rebuild.py).
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
from medallion_assets.refining.ledger.full_exports import FullExports
from medallion_assets.refining.ledger.origins import Origins
from medallion_assets.refining.merging.history_table import merge_history
from medallion_assets.refining.merging.merge import merge
from medallion_assets.refining.refine import commit_change
from medallion_assets.refining.replace import replace_partition


@dataclass(kw_only=True)
class Replay:
    """A copy of a judged table in `scratch`; `applied` are the exports that it holds.

    `quarantined_in` is the lakehouse whose quarantine knows which keys were bad in a full export (rule K1);
    `origins` are those of its exports (rule B3).
    """

    loaded: Loaded
    scratch: Lakehouse
    quarantined_in: Lakehouse
    origins: Origins = field(default_factory=Origins)
    applied: list[Batch] = field(default_factory=list)

    def groups(self, exports: Sequence[Batch]) -> Iterator[list[Batch]]:
        """The exports in groups to apply, one after the other.

        Of a table that was made anew the full exports go first: then nothing that the former one wrote after its end
        is in the copy before that end is known (rule B3).
        """
        in_order = sorted(exports, key=lambda export: not export.is_full) if self.origins.count > 1 else exports
        return export_groups(in_order, self.scratch.engine.bounds.commit_rows)

    def apply(self, group: Sequence[Batch], good: Sequence[pl.LazyFrame], workspace: Place) -> None:
        """Apply the good records of a group of exports; in which order groups come does not matter (rule K4)."""
        before = [export for export in self.applied if export.is_full]
        applying = next((export for export in group if export.is_full), None)
        keys = bad_keys(self.quarantined_in, self.loaded, [*before, applying] if applying else before)
        held = [*self.applied, *group]
        order = self.loaded.source.order
        fulls = FullExports.of(self.origins, held, applied=before, applying=applying, bad_keys=keys, order=order)
        copy = self.scratch.ready(self.loaded.table)
        if self.loaded.months is not None:
            (batch,) = group
            change = replace_partition(copy, good, batch)
        elif self.loaded.table.history:
            change = merge_history(self.scratch, self.loaded, copy, good, fulls, (), workspace)
        else:
            change = merge(copy, good, fulls, workspace)
        commit_change(copy, change, {}, {})
        for path in change.removed:  # nobody goes back in the copy: it stays of the size of the table
            (Path(copy.uri) / path).unlink(missing_ok=True)
        self.applied += group


def export_groups(exports: Iterable[Batch], most: int) -> Iterator[list[Batch]]:
    """The exports in order: one full export at a time, or incremental ones of so many records at most, or one."""
    group: list[Batch] = []
    for export in exports:
        is_too_much = sum(batch.records for batch in (*group, export)) > most
        if group and (export.is_alone or group[-1].is_alone or is_too_much):
            yield group
            group = []
        group.append(export)
    if group:
        yield group

"""What a full export would delete by leaving keys out, and whether that is too much (rule C7).

Belongs here: counting, as of the moment at which the export is judged.
Does not: which exports are settled by then (refining/ledger/chain.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medallion_assets_tests.oracle.model import ExportInput, Limits, micros
from medallion_assets_tests.oracle.records import read_once
from medallion_assets_tests.oracle.state import ends, events


@dataclass(frozen=True)
class Deletes:
    """Of the `older` live rows, whose state is older than the full export's S, it lacks `deleted`.

    `is_empty`: it has not one good record.
    """

    older: int
    deleted: int
    is_empty: bool

    def fails(self, limits: Limits) -> bool:
        """Whether a person has to look at it: more than the share and rows enough, or an empty one that deletes."""
        if self.is_empty:
            return self.deleted >= 1
        return self.deleted > limits.max_delete_share * self.older and self.deleted >= limits.max_delete_min_rows


def deletes(export: ExportInput, applied: Sequence[ExportInput]) -> Deletes:
    """What a full export would delete, once the exports before it are applied.

    A row is live by its latest event; what was written at S or after it is not older. A key that the export has with a
    bad item is not deleted; one that it has in a line without a readable key is (rule K1). The first full export of a
    new table ends the former one: what that one wrote later is older; what it exported in full later deletes nothing
    (rule B3).
    """
    at = micros(export.holds_all_until)
    generations = {export.export_id: export.generation for export in applied}
    last = ends([*applied, export])
    latest = (winners[-1] for winners in events(applied).values() if at <= last[export.generation])
    older = {
        event.key
        for event in latest
        if event.row is not None and (event.sequence < at or event.sequence > last[generations[event.export_id]])
    }
    present = {record.key for record in read_once(export)}
    return Deletes(len(older), len(older - present), is_empty=not any(record.is_good for record in read_once(export)))

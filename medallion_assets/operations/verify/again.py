"""Tables made once more, for `verify --deep`: Silver from Bronze, and from Silver what follows.

Belongs here: which tables can be made again, in which order, and from what they were when they were looked at.
Does not: making any of them, or comparing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medallion_assets.contracts.pipeline import Derived, Loaded
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.delta.one_look import OneLook
from medallion_assets.delta.replacing.replacement import Progress
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.operations.verify.findings import Verification
from medallion_assets.operations.verify.gold import verify_gold
from medallion_assets.operations.verify.recomputation import differences, recompute
from medallion_assets.operations.verify.silver import is_behind
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.storage.workspace import workspace


def make_again(
    lakehouse: Lakehouse, well: Mapping[str, Snapshot], *, limits: DuckDBLimits, progress: Progress
) -> Verification:
    """Compare the tables that are `well`, by name, with what their sources give; what runs commit since counts nothing.

    Raises:
        TransientError: the storage did not answer.
    """
    seen = OneLook.at(lakehouse)
    seen.opened.update(well)
    again = _Again(seen=seen, well=well, progress=progress)
    with workspace() as folder:
        again.silver(lakehouse.scratch(folder))
    again.gold()
    again.models(limits)
    return again.answer


@dataclass(kw_only=True)
class _Again:
    """The lakehouse as it was looked at, and what was found so far."""

    seen: Lakehouse
    well: Mapping[str, Snapshot]
    progress: Progress
    answer: Verification = field(default_factory=Verification)

    def silver(self, scratch: Lakehouse) -> None:
        """Tables of judged rows once more, from Bronze, and those that are derived from them."""
        made = {loaded.table.name for loaded in self.seen.catalog.loaded if self._judged(loaded, scratch)}
        for derived in self.seen.catalog.derived:
            if made.issuperset(source.name for source in derived.sources) and self._derived(derived, scratch):
                made.add(derived.table.name)

    def gold(self) -> None:
        """Gold once more, from its source as it is."""
        for gold in self.seen.catalog.gold:
            table, source = self.well.get(gold.table.name), self.well.get(gold.source.name)
            if table is not None and source is not None:
                self._add(verify_gold(gold, table, source, progress=self.progress))

    def models(self, limits: DuckDBLimits) -> None:
        """Dbt models once more, from the Silver of their latest release."""
        for models in self.seen.catalog.dbt:
            from medallion_assets.operations.verify.models import verify_models  # it brings DuckDB, and then dbt

            self._add(verify_models(self.seen, models, self.well, limits=limits, progress=self.progress))

    def _judged(self, loaded: Loaded, scratch: Lakehouse) -> bool:
        """Whether the table could be made again and compared."""
        table = loaded.table
        stored, bronze = self.well.get(table.name), self.well.get(bronze_table(table.short_name).name)
        if stored is None or bronze is None:
            return False
        total, done = sum(batch.records for batch in batches_in(bronze, loaded.source)), 0

        def lines(count: int) -> None:
            nonlocal done
            done += count
            self.progress(f"making {table.name} again", done, total)

        if stricter := recompute(self.seen, loaded, scratch, progress=lines):
            words = f"{stricter:,} records that were good when they were judged are bad under the current contract"
            self.answer.notes.append(f"{table.name} was not made again: {words}")
            return False
        self.answer.findings.extend(differences(stored, scratch.ready(table)))
        return True

    def _derived(self, derived: Derived, scratch: Lakehouse) -> bool:
        """The same of a table whose sources were made again."""
        table = self.well.get(derived.table.name)
        if table is None or any(is_behind(table, self.well[source.name]) for source in derived.sources):
            return False
        update_derived(scratch, derived)
        self.answer.findings.extend(differences(table, scratch.open(derived.table)))
        return True

    def _add(self, found: Verification) -> None:
        self.answer.findings.extend(found.findings)
        self.answer.notes.extend(found.notes)

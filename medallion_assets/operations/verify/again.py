"""Tables made once more, for `verify --deep`: Silver from Bronze, and from Silver what follows.

Belongs here: which tables can be made again, in which order, and from what they were when they were looked at.
Does not: making any of them, or comparing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from medallion_assets.contracts.pipeline import Derived, Loaded
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.one_look import OneLook
from medallion_assets.delta.replacing.replacement import Progress
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.errors import DiskFullError, PermanentError
from medallion_assets.errors.long_texts import first_line
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

    What cannot be made again is said in a note, and keeps no other table from it.

    Raises:
        TransientError: the storage did not answer.
    """
    seen = OneLook.at(lakehouse)
    seen.opened.update(well)
    again = _Again(seen=seen, well=well, progress=progress)
    with workspace() as folder:
        again.silver(lakehouse.scratch(folder))
    again.gold()
    for models in lakehouse.catalog.dbt:
        from medallion_assets.operations.verify.models import verify_models  # it brings DuckDB, and then dbt

        again.add(verify_models(lakehouse, models, well, limits=limits, progress=progress))
    return again.answer


@dataclass(kw_only=True)
class _Again:
    """The lakehouse as it was looked at, and what was found so far; `made` are the names of the tables made again."""

    seen: Lakehouse
    well: Mapping[str, Snapshot]
    progress: Progress
    answer: Verification = field(default_factory=Verification)
    made: set[str] = field(default_factory=set)

    def silver(self, scratch: Lakehouse) -> None:
        """Tables of judged rows once more, from Bronze, and those that are derived from them."""
        for loaded in self.seen.catalog.loaded:
            with self._or_note(loaded.table):
                self._judged(loaded, scratch)
        for derived in self.seen.catalog.derived:
            if self.made.issuperset(source.name for source in derived.sources):
                with self._or_note(derived.table):
                    self._derived(derived, scratch)

    def gold(self) -> None:
        """Gold once more, from its source as it is."""
        for gold in self.seen.catalog.gold:
            table, source = self.well.get(gold.table.name), self.well.get(gold.source.name)
            if table is not None and source is not None:
                with self._or_note(gold.table):
                    self.add(verify_gold(gold, table, source, progress=self.progress))

    def add(self, found: Verification) -> None:
        """Take in what was found."""
        self.answer.findings.extend(found.findings)
        self.answer.notes.extend(found.notes)

    @contextmanager
    def _or_note(self, table: Table) -> Iterator[None]:
        """What keeps one table from being made again, such as rules that do not take its rows any more, is a note."""
        try:
            yield
        except (PermanentError, DiskFullError) as error:
            words = "; ".join(str(part) for part in (error.headline, error.found) if part)
            self.answer.notes.append(f"{table.name} was not made again: {words}")
        except pl.exceptions.PolarsError as error:
            self.answer.notes.append(f"{table.name} was not made again: {type(error).__name__}: {first_line(error)}")

    def _judged(self, loaded: Loaded, scratch: Lakehouse) -> None:
        table = loaded.table
        stored, bronze = self.well.get(table.name), self.well.get(bronze_table(table.short_name).name)
        if stored is None or bronze is None:
            return
        total, done = sum(batch.records for batch in batches_in(bronze, loaded.source)), 0

        def lines(count: int) -> None:
            nonlocal done
            done += count
            self.progress(f"making {table.name} again", done, total)

        if stricter := recompute(self.seen, loaded, scratch, progress=lines):
            words = f"{stricter:,} records that were good when they were judged are bad under the current contract"
            self.answer.notes.append(f"{table.name} was not made again: {words}")
            return
        self.answer.findings.extend(differences(stored, scratch.ready(table)))
        self.made.add(table.name)

    def _derived(self, derived: Derived, scratch: Lakehouse) -> None:
        table = self.well.get(derived.table.name)
        if table is None or any(is_behind(table, self.well[source.name]) for source in derived.sources):
            return
        update_derived(scratch, derived)
        self.answer.findings.extend(differences(table, scratch.open(derived.table)))
        self.made.add(derived.table.name)

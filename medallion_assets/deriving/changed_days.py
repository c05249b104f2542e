"""Keeping a derived table right: only the days that a change of its sources touches are made anew.

Belongs here: finding these days, and one commit that also says up to where every source is in.
Does not: making their rows, or what the rows of a day are (pipelines).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import narwhals as nw
import polars as pl

from medallion_assets.contracts.pipeline import Derived, Lookup
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.notes.commit_notes import RESTATED, restated_since
from medallion_assets.delta.notes.coverage_notes import covered_with
from medallion_assets.delta.notes.source_versions import SourceVersion, source_app_id, source_commits, taken_version
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE, Progress, Replacement
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.schema import expect_readable
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.made_rows import transform_errors
from medallion_assets.deriving.making_days import DaysItem, make_days
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import groups_of, in_groups
from medallion_assets.errors import UnreadableTableError
from medallion_assets.errors.reasons import expect_reason


@dataclass(kw_only=True)
class Updated:
    """What a run of `update_derived` did."""

    version: int = 0
    rows_in: int = 0
    rows_out: int = 0
    restated: set[date] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The versions of a derived table's sources that it is made from."""

    derived: Derived
    snapshots: tuple[Snapshot, ...]

    @property
    def first(self) -> Snapshot:
        """The one whose days the derived table has."""
        return self.snapshots[0]

    @property
    def transactions(self) -> dict[str, int]:
        """What a commit carries, so that it tells up to where each source is in."""
        return {source_app_id(source): source.version for source in self.snapshots}

    @property
    def notes(self) -> dict[str, object]:
        """What a commit notes about its sources, and how far it reaches with them."""
        return {**source_commits(*map(SourceVersion.of, self.snapshots)), **covered_with(self.snapshots)}

    def lookups(self) -> Iterator[tuple[Lookup, Snapshot]]:
        """Each table that rows are looked up in."""
        return zip(self.derived.lookups, self.snapshots[1:], strict=True)

    def items(self, days: Sequence[date], table: Snapshot, workspace: Place) -> Iterator[DaysItem]:
        """What it takes to make some days again, in groups of a bounded number of source rows; a long day alone.

        What rows are looked up in is prepared once, and put aside for all of them.
        """
        engine = self.first.lakehouse.engine
        bounds = engine.bounds
        aside = Aside(engine.memory_or(workspace))
        with transform_errors(self.derived.table, "prepare of a lookup"):
            prepared = tuple(aside(_prepared(lookup, snapshot)) for lookup, snapshot in self.lookups())
        for group in in_groups(days, lambda day: self.first.rows_in([day]), bounds.days_rows, alone=bounds.group_rows):
            rows = self.first.rows_in(group)
            yield DaysItem(
                derived=self.derived,
                days=tuple(group),
                rows_in=rows,
                parts=groups_of((rows, bounds.group_rows)) if len(group) == 1 else 1,
                source=self.first.part(partitions=group),
                prepared=prepared,
                held={day: table.part(partitions=[day]) for day in group},
                folder=table.folder,
                place=workspace,
            )


def _prepared(lookup: Lookup, snapshot: Snapshot) -> pl.DataFrame:
    """What rows are looked up in: of a small table made in one go, of a large one as the engine does it."""
    engine, files = snapshot.lakehouse.engine, snapshot.part()
    if files.rows and sum(files.rows) <= engine.bounds.group_rows:
        frame: pl.DataFrame = lookup.prepare(nw.from_native(files.scan())).to_native().collect(engine="streaming")
        return frame
    return engine.fetch(lookup.prepare(engine.scan(files)))


def update_derived(
    lakehouse: Lakehouse, derived: Derived, *, progress: Callable[[str], None] = lambda _: None
) -> Updated:
    """Bring a derived table up to the latest versions of its sources.

    Raises:
        PermanentError: a transform fails, or its rows are not what the declaration says (rule G6).
        CommitConflictError: other writers were faster, every time.
    """
    return until_committed(lambda: _update(lakehouse, derived, progress))


def rebuild_derived(
    lakehouse: Lakehouse,
    derived: Derived,
    *,
    why: str,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Make every day again, from the latest versions of the sources, or say what that would change.

    Raises:
        PermanentError: `why` is blank, the table or one of its sources has not been made yet, or as `update_derived`.
        CommitConflictError: other writers were faster, every time.
    """
    expect_reason("the rebuild", why, where=derived.table.name)
    return until_committed(lambda: _rebuild(lakehouse, derived, why, progress, dry_run=dry_run))


def _rebuild(lakehouse: Lakehouse, derived: Derived, why: str, progress: Progress, *, dry_run: bool) -> Rebuilt:
    table = lakehouse.open_any(derived.table)  # before its sources, as in `_update`
    sources = Sources(derived=derived, snapshots=tuple(map(lakehouse.open, derived.sources)))
    replacement = Replacement(table=table, writes=not dry_run)
    days = sorted({*sources.first.days, *table.days})
    done = 0
    with lakehouse.workspace() as folder:
        for item in sources.items(days, table, folder):
            rows = item.rows()
            for day in item.days:
                replacement.partition(day, item.of_day(rows, day))
            done += len(item.days)
            progress(f"making {derived.table.name} again", done, len(days))
    changes, version = replacement.changes(), table.version
    if not dry_run:
        notes = {RESTATED: sorted(changes.restated), REBUILT_NOTE: {"why": why}, **sources.notes}
        version = replacement.commit(sources.transactions, notes)
    return Rebuilt(table=derived.table.name, version=version, dry_run=dry_run, changes=changes)


def _update(lakehouse: Lakehouse, derived: Derived, progress: Callable[[str], None]) -> Updated:
    table = lakehouse.ready(derived.table)  # before its sources, which then are no older than it is
    sources = Sources(derived=derived, snapshots=tuple(map(lakehouse.source, derived.sources)))
    done = Updated(version=table.version)
    if all(taken_version(table, source) == source.version for source in sources.snapshots):
        return done
    written: list[WrittenFile] = []
    removed: list[str] = []
    with lakehouse.workspace() as folder:
        items = sources.items(sorted(_touched(sources, table)), table, folder)
        for made in lakehouse.engine.map_items(make_days, items, are_large=True):
            progress(f"{derived.table.name}: {made.days[0]} to {made.days[-1]}")
            done.rows_in += made.rows_in
            done.rows_out += made.rows_out
            done.restated.update(made.differing)
            removed += made.removed
            written += made.written
    notes = {RESTATED: sorted(done.restated), **sources.notes}
    done.version = table.commit(written, remove=removed, transactions=sources.transactions, metadata=notes)
    return done


def _touched(sources: Sources, table: Snapshot) -> set[date]:
    """The days that may change; all of them where the logs do not tell."""
    every = {*sources.first.days, *table.days}
    seen: dict[str, int] = {}
    for source in sources.snapshots:
        version = taken_version(table, source)
        if version is None or version > source.version:
            return every
        seen[source.table.name] = version
    days = restated_since(sources.first, seen[sources.first.table.name])
    for lookup, after in sources.lookups():
        if seen[after.table.name] == after.version:
            continue
        try:
            before = after.lakehouse.open(after.table, version=seen[after.table.name])
            expect_readable(before.delta, after.table)  # a version of another contract says nothing of days either
            engine = table.lakehouse.engine
            rows, *states = (engine.scan(snapshot.part()) for snapshot in (sources.first, before, after))
            with transform_errors(table.table, "changed_days of a lookup"):
                days |= set(engine.fetch(lookup.changed_days(rows, *states)).to_series())
        except (UnreadableTableError, FileNotFoundError):
            return every  # the old version was vacuumed away
    return days

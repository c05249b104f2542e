"""Keeping a derived table right: only the days that a change of its sources touches are made anew.

Belongs here: finding these days, and one commit that also says up to where every source is in.
Does not: what the rows of a day are (pipelines), or a table made anew as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import narwhals as nw
import polars as pl

from medallion_assets.contracts.pipeline import Derived, Lookup
from medallion_assets.delta.commit_notes import RESTATED, restated_since
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.data_files import StagedFile
from medallion_assets.delta.partitions import conform, held_days, stage_day
from medallion_assets.delta.replacement import REBUILT_NOTE, Progress, Replacement
from medallion_assets.delta.source_versions import SourceVersion, source_app_id, source_commits, taken_version
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.delta.table_changes import Rebuilt, expect_reason
from medallion_assets.errors import UnreadableTableError

ROWS_AT_ONCE = 500_000


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
    def marks(self) -> dict[str, int]:
        """What a commit carries, so that it tells up to where each source is in."""
        return {source_app_id(source): source.version for source in self.snapshots}

    @property
    def notes(self) -> dict[str, object]:
        """What a commit notes about each source."""
        return source_commits(*map(SourceVersion.of, self.snapshots))

    def lookups(self) -> Iterator[tuple[Lookup, Snapshot]]:
        """Each table that rows are looked up in."""
        return zip(self.derived.lookups, self.snapshots[1:], strict=True)

    def groups(self, days: Sequence[date]) -> Iterator[tuple[list[date], pl.DataFrame]]:
        """The derived rows of some days, in groups of days of about ROWS_AT_ONCE source rows."""
        prepared = [
            nw.from_native(lookup.prepare(nw.from_native(snapshot.scan())).collect().to_native().lazy())
            for lookup, snapshot in self.lookups()
        ]
        for group in self._grouped(days):
            rows = self.derived.compute(nw.from_native(self.first.scan(partitions=group)), *prepared)
            yield group, conform(rows.to_native(), self.derived.table).collect(engine="streaming")

    def rows_in(self, days: Sequence[date]) -> int:
        """How many source rows some days have."""
        return int(self.first.partition_files(days)["num_records"].sum()) if self.first.files.height else 0

    def _grouped(self, days: Sequence[date]) -> Iterator[list[date]]:
        group: list[date] = []
        rows = 0
        for day in days:
            group.append(day)
            rows += self.rows_in([day])
            if rows >= ROWS_AT_ONCE:
                yield group
                group, rows = [], 0
        if group:
            yield group


def update_derived(
    lakehouse: Lakehouse, derived: Derived, *, progress: Callable[[str], None] = lambda _: None
) -> Updated:
    """Bring a derived table up to the latest versions of its sources.

    Raises:
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
        PermanentError: `why` is blank, or the table or one of its sources has not been made yet.
        CommitConflictError: other writers were faster, every time.
    """
    expect_reason(derived.table.name, why)
    return until_committed(lambda: _rebuild(lakehouse, derived, why, progress, dry_run=dry_run))


def _rebuild(lakehouse: Lakehouse, derived: Derived, why: str, progress: Progress, *, dry_run: bool) -> Rebuilt:
    table = lakehouse.open_any(derived.table)  # before its sources, as in `_update`
    sources = Sources(derived=derived, snapshots=tuple(map(lakehouse.open, derived.sources)))
    replacement = Replacement(table=table, stages=not dry_run)
    days = sorted({*held_days(sources.first), *held_days(table)})
    done = 0
    for group, rows in sources.groups(days):
        for day in group:
            replacement.partition(day, _of_day(rows, derived, day))
        done += len(group)
        progress(f"making {derived.table.name} again", done, len(days))
    changes, version = replacement.changes(), table.version
    if not dry_run:
        restated = sorted(str(day) for day in changes.restated)
        notes = {RESTATED: restated, REBUILT_NOTE: {"why": why}, **sources.notes}
        version = replacement.commit(sources.marks, notes)
    return Rebuilt(table=derived.table.name, version=version, dry_run=dry_run, changes=changes)


def _update(lakehouse: Lakehouse, derived: Derived, progress: Callable[[str], None]) -> Updated:
    table = lakehouse.ready(derived.table)  # before its sources, which then are no older than it is
    sources = Sources(derived=derived, snapshots=tuple(map(lakehouse.source, derived.sources)))
    done = Updated(version=table.version)
    if all(taken_version(table, source) == source.version for source in sources.snapshots):
        return done
    staged: list[StagedFile] = []
    removed: list[str] = []
    for group, rows in sources.groups(sorted(_touched(sources, table))):
        progress(f"{derived.table.name}: {group[0]} to {group[-1]}")
        done.rows_in += sources.rows_in(group)
        done.rows_out += rows.height
        for day in group:
            new = _of_day(rows, derived, day)
            if _same(table, day, new):
                continue
            done.restated.add(day)
            removed += table.partition_files([day])["path"].to_list() if table.files.height else []
            if (file := stage_day(table, new, day)) is not None:
                staged.append(file)
    notes = {RESTATED: sorted(str(day) for day in done.restated), **sources.notes}
    done.version = table.commit(staged, remove=removed, transactions=sources.marks, metadata=notes)
    return done


def _of_day(rows: pl.DataFrame, derived: Derived, day: date) -> pl.DataFrame:
    return rows.filter(pl.col(str(derived.table.partition_by)) == day)


def _same(table: Snapshot, day: date, new: pl.DataFrame) -> bool:
    key = list(table.table.key)
    return table.scan(partitions=[day]).collect().sort(key).equals(new.sort(key))


def _touched(sources: Sources, table: Snapshot) -> set[date]:
    """The days that may change; all of them where the logs do not tell."""
    every = {*held_days(sources.first), *held_days(table)}
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
            rows, *states = (nw.from_native(one.scan()) for one in (sources.first, before, after))
            changed = lookup.changed_days(rows, *states).to_native().collect(engine="streaming")
            days |= set(changed.to_series())
        except (UnreadableTableError, FileNotFoundError):
            return every  # the old version was vacuumed away
    return days

"""What the log of a Gold table says of a day that holds nothing: built so, or lost.

Belongs here: reading it, once for all days of a publish; nothing is computed again.
Does not: what follows for a publish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.pipeline import Gold
from medallion_assets.delta.notes.commit_notes import RESTATED, CommitLog, noted_days
from medallion_assets.delta.notes.source_versions import SOURCE_NOTE, built_from
from medallion_assets.delta.replacing.partitions import REMOVED, REPLACED
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE
from medallion_assets.delta.table import Snapshot
from medallion_assets.publishing.days.day_coverage import day_coverage

LEAVES_ROWS = frozenset({"CREATE TABLE", "ADD COLUMN", "OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"})
"""Operations of others, and of ours without a source, after which a table holds what it held before."""


@dataclass(frozen=True)
class BuildLog:
    """The log of a Gold table, at the version that is published; one is made for all days that are looked at.

    `opened` is the latest version of its source, where that is open already. What the source changed after a version
    `up_to` does not count; None: all of it counts.
    """

    gold: Gold
    built: Snapshot
    opened: Snapshot | None = None

    def is_right(self, day: date, *, up_to: int | None = None) -> bool:
        """Whether a day without rows was built so, from what its source says still, or has nothing to be built from.

        A commit that may have taken rows away and says nothing of days, such as a restore, makes all before it
        uncertain.
        """
        if not any(self.gold.counts(held, day) for held in self.source.days):
            return True
        return self.is_up_to_date(day, up_to=up_to)

    def is_up_to_date(self, day: date, *, up_to: int | None = None) -> bool:
        """Whether what the table holds of a day was built from what its source says still."""
        commit = self._build_of(day)
        return commit is not None and not self._changed_since(commit, day, up_to)

    def built_at(self, day: date) -> int | None:
        """The version of the table that replaced a day last; None when no commit says that it did."""
        found = (
            commit
            for commit in self._commits.newest_first()
            if SOURCE_NOTE in commit and day in _days(commit, REPLACED)
        )
        return next((int(commit["version"]) for commit in found), None)

    def source_version(self, day: date) -> int | None:
        """The version of the source that a day was built from; None when the log does not say it."""
        commit = self._build_of(day)
        return None if commit is None else built_from(commit, self._changes)

    def coverage(self, day: date) -> Coverage:
        """How far the sources reach of which a day is made."""
        return day_coverage(self.gold, self._commits, self._changes, day)

    @cached_property
    def source(self) -> Snapshot:
        """The latest version of what the table is made from."""
        return self.built.lakehouse.open(self.gold.source) if self.opened is None else self.opened

    def _build_of(self, day: date) -> dict[str, Any] | None:
        """The commit that built what the table holds of a day; None when it is lost, or nobody can tell."""
        for commit in self._commits.newest_first():
            if SOURCE_NOTE not in commit:
                if commit.get("operation") not in LEAVES_ROWS:
                    return None
            elif day in _days(commit, REPLACED) or REBUILT_NOTE in commit:
                return None if day in _days(commit, REMOVED) else commit
            elif day in _days(commit, REMOVED):
                return None
        return None

    def _changed_since(self, commit: Mapping[str, Any], day: date, up_to: int | None) -> bool:
        version = built_from(commit, self._changes)
        if version is None:
            return True
        last = self.source.version if up_to is None else up_to
        later = (change for change in self._changes.since(version) if change["version"] <= last)
        return any(self.gold.counts(changed, day) for change in later for changed in _days(change, RESTATED))

    @cached_property
    def _commits(self) -> CommitLog:
        return CommitLog(self.built)

    @cached_property
    def _changes(self) -> CommitLog:
        return CommitLog(self.source)


def _days(commit: Mapping[str, Any], note: str) -> list[date]:
    """The days of a note; none where it cannot be read."""
    return noted_days(commit, note) or []

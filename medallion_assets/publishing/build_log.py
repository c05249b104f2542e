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
from medallion_assets.contracts.pipeline import AsOf, Gold
from medallion_assets.delta.commit_notes import RESTATED, commits_since, noted_days
from medallion_assets.delta.partitions import REMOVED, REPLACED, held_days
from medallion_assets.delta.replacement import REBUILT_NOTE
from medallion_assets.delta.source_versions import SOURCE_NOTE, SourceVersion, noted_version
from medallion_assets.delta.table import Snapshot
from medallion_assets.publishing.day_coverage import day_coverage

LEAVES_ROWS = frozenset({"CREATE TABLE", "ADD COLUMN", "OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"})
"""Operations of others, and of ours without a source, after which a table holds what it held before."""


@dataclass(frozen=True)
class BuildLog:
    """The log of a Gold table, at the version that is published."""

    gold: Gold
    built: Snapshot

    def is_right(self, day: date) -> bool:
        """Whether a day without rows was built so, from what its source says still, or has nothing to be built from.

        A commit that may have taken rows away and says nothing of days, such as a restore, makes all before it
        uncertain.
        """
        if not any(self._counts(held, day) for held in held_days(self.source)):
            return True
        for commit in self._commits:
            if SOURCE_NOTE not in commit:
                if commit.get("operation") not in LEAVES_ROWS:
                    return False
            elif day in _days(commit, REPLACED) or REBUILT_NOTE in commit:
                return day not in _days(commit, REMOVED) and not self._changed_since(commit, day)
            elif day in _days(commit, REMOVED):
                return False
        return False

    def coverage(self, day: date) -> Coverage:
        """How far the sources reach of which a day is made."""
        return day_coverage(self.gold, self.built, self.source, day)

    @cached_property
    def source(self) -> Snapshot:
        """The latest version of what the table is made from."""
        return self.built.lakehouse.open(self.gold.source)

    def _changed_since(self, commit: Mapping[str, Any], day: date) -> bool:
        version = noted_version(commit, SourceVersion.of(self.source))
        if version is None:
            return True
        later = (change for change in self._changes if change["version"] > version)
        return any(self._counts(changed, day) for change in later for changed in _days(change, RESTATED))

    def _counts(self, other: date, day: date) -> bool:
        """Whether rows of another day of the source count for this one."""
        return other <= day if isinstance(self.gold, AsOf) else other == day

    @cached_property
    def _commits(self) -> list[dict[str, Any]]:
        return commits_since(self.built, -1)

    @cached_property
    def _changes(self) -> list[dict[str, Any]]:
        return commits_since(self.source, -1)


def _days(commit: Mapping[str, Any], note: str) -> list[date]:
    """The days of a note; none where it cannot be read."""
    return noted_days(commit, note) or []

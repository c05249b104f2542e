"""Coverage notes: how far a version of a table reaches, as its commits say (rules V2, V3).

Belongs here: the notes, and reading them back.
Does not: how far that is (refining, deriving).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from medallion_assets.contracts.coverage import UNKNOWN, Coverage, furthest, least, parse_coverage
from medallion_assets.delta.notes.commit_notes import commit_note, commits_since
from medallion_assets.delta.table import Snapshot

COVERED = "medallion_covered_until"
"""The commit note that says how far a table reaches, all its partitions together."""
SOURCES_COVERED = "medallion_sources_covered_until"
"""The commit note that says how far the sources reached of which the partitions of a commit were made."""
PROVISIONAL = "medallion_provisional_dates"
"""The commit note that lists the days of a commit that their sources did not cover to the end."""
MOST_COMMITS = 100
"""So far back a note is looked for: every commit that brings data carries one."""


def noted_coverage(snapshot: Snapshot) -> Coverage:
    """How far a table reaches, as its last commit that says so has it; UNKNOWN where none of the last ones does."""
    for looked_at in (10, MOST_COMMITS):
        for commit in commits_since(snapshot, max(snapshot.version - looked_at, -1)):
            if COVERED in commit:
                return read_note(commit, COVERED)
    return UNKNOWN


def read_note(commit: Mapping[str, Any], name: str) -> Coverage:
    """The coverage that a commit notes under a name; UNKNOWN where it notes none that this release writes."""
    try:
        return parse_coverage(commit_note(commit, name))
    except ValueError:
        return UNKNOWN


def covered_note(coverage: Coverage) -> dict[str, object]:
    """What a commit notes of a table that reaches so far."""
    return {COVERED: str(coverage)}


def covered_with(sources: Iterable[Snapshot]) -> dict[str, object]:
    """What a commit notes of a table that is made, as a whole, of these versions of its sources."""
    return covered_note(least(map(noted_coverage, sources)))


def covered_by_days(table: Snapshot, sources: Coverage, ends: Mapping[date, datetime]) -> dict[str, object]:
    """What a commit notes of a table, some days of which are made of sources that reach so far; `ends` are theirs.

    The table reaches to the end of its latest day, or as far as the sources did when that was made.
    """
    reached = [sources.up_to(end) for end in ends.values()] if sources.is_known else [sources]
    return {
        **covered_note(furthest(noted_coverage(table), *reached)),
        **_days_noted(sources, ends),
    }


def covered_as_a_whole(sources: Coverage, ends: Mapping[date, datetime]) -> dict[str, object]:
    """What a commit notes of a table made as a whole of sources that reach so far, and closing the days of `ends`."""
    return {**covered_note(sources), **_days_noted(sources, ends)}


def _days_noted(sources: Coverage, ends: Mapping[date, datetime]) -> dict[str, object]:
    provisional = sorted(day for day, end in ends.items() if sources.is_known and not sources.includes(end))
    return {SOURCES_COVERED: str(sources), PROVISIONAL: provisional}

"""Commit notes: what the commits of a table say of themselves, read back from its log.

Belongs here: finding commits, and the values that they carry.
Does not: committing, or what a note means (whoever writes it).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from medallion_assets.contracts.run_days import parse_day
from medallion_assets.delta.committing import COMMIT_ID, VERSION
from medallion_assets.delta.table import Snapshot

RESTATED = "medallion_restated_dates"
"""The commit note that lists the days a commit restates (rule H3)."""
RECENT_COMMITS = 10
LOOKS_BACK_FURTHER = 10
"""How many times as many commits are read when what is looked for is not among those before."""


def commits_since(snapshot: Snapshot, version: int) -> list[dict[str, Any]]:
    """The commits after `version`, up to the snapshot's own, newest first; each has its `version` and its notes.

    delta-rs lists what others committed since the snapshot as well, and numbers all as if that was not there. Commits
    of this module say their version themselves, so the others' follow from it.
    """
    newer = snapshot.version - version
    commits = snapshot.history(newer) if newer > 0 else []
    ahead = next(
        (int(commit[VERSION]) - commit["version"] for commit in commits if str(commit.get(VERSION, "")).isdecimal()), 0
    )
    numbered = [{**commit, "version": commit["version"] + ahead} for commit in commits]
    return [commit for commit in numbered if version < commit["version"] <= snapshot.version]


class CommitLog:
    """The commits of a snapshot, for who looks back again and again: none is read for each look.

    When a look goes back further than those before, at least twice as many are read.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._after = snapshot.version
        self._read: list[dict[str, Any]] = []

    def since(self, version: int) -> list[dict[str, Any]]:
        """`commits_since`; of all commits where `version` is below the first."""
        if max(version, -1) < self._after:
            self._after = max(min(version, 2 * self._after - self.snapshot.version), -1)
            self._read = commits_since(self.snapshot, self._after)
        return [commit for commit in self._read if commit["version"] > version]

    def commit_id(self, version: int) -> str | None:
        """The id of the commit that made a version; None when the log has no such commit, or another writer made it."""
        found = self._commit(version)
        return None if found is None else found.get(COMMIT_ID)

    def has_commit(self, version: int, commit_id: str) -> bool | None:
        """Whether a version was made by that very commit; None where the log has lost what made it."""
        if version > self.snapshot.version:
            return False
        found = self._commit(version)
        return None if found is None else bool(found.get(COMMIT_ID) == commit_id)

    def _commit(self, version: int) -> dict[str, Any] | None:
        found = self.since(version - 1) if version <= self.snapshot.version else []
        return next((commit for commit in found if commit["version"] == version), None)

    def newest_first(self) -> Iterator[dict[str, Any]]:
        """All commits, of which few are read while those that are looked for are among the last ones."""
        newest, seen, looked_at = self.snapshot.version, 0, RECENT_COMMITS
        while True:
            found = self.since(newest - looked_at)
            yield from found[seen:]
            if looked_at > newest:
                return
            seen, looked_at = len(found), looked_at * LOOKS_BACK_FURTHER


def every_noted(snapshot: Snapshot, note: str) -> set[str]:
    """All that a note, which is a list, names in any commit."""
    return {name for commit in commits_since(snapshot, -1) for name in commit_note(commit, note) or []}


def committed_at(snapshot: Snapshot) -> datetime:
    """When the version of a snapshot was committed, by its writer's clock, whatever was committed since."""
    (commit,) = commits_since(snapshot, snapshot.version - 1)
    return datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)


def last_commit(
    snapshot: Snapshot, note: str, *, counts: Callable[[Mapping[str, Any]], bool] = lambda _: True
) -> dict[str, Any] | None:
    """The last commit of a snapshot that carries a note and `counts`, or None."""
    for version in (snapshot.version - RECENT_COMMITS, -1):  # nearly always one of the last does
        for commit in commits_since(snapshot, max(version, -1)):
            if note in commit and counts(commit):
                return commit
    return None


def restated_since(snapshot: Snapshot, version: int) -> set[date]:
    """The days that the commits after `version` restated, as they say themselves."""
    return {
        date.fromisoformat(day)
        for commit in commits_since(snapshot, version)
        for day in commit_note(commit, RESTATED) or []
    }


def noted_days(commit: Mapping[str, Any], note: str) -> list[date] | None:
    """The days that a commit notes, if any; None when they cannot be read, as after a foreign writer."""
    try:
        return [parse_day(day) for day in commit_note(commit, note) or []]
    except (ValueError, TypeError, RecursionError):
        return None


def commit_note(commit: Mapping[str, Any], name: str) -> Any:
    """A value that `Snapshot.commit` put into a commit's metadata, or None."""
    text = commit.get(name)
    return None if text is None else json.loads(text)

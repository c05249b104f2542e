"""Source versions: up to which version of another table a table has come.

Belongs here: how a table's log names a version of its source, and how that is read again.
Does not: what follows from being behind (refining, deriving, triggers).

A version number means something only beside the id of its table (`metaData.id` of the Delta log): a table that was
removed and made again under the same name counts from 0 once more. So an application transaction that stands for a
source's version carries the id in its name, and a commit note carries both. What names another id says nothing about
the table that lies there now: it is unknown, never settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from medallion_assets.delta.notes.commit_notes import CommitLog, commit_note, last_commit
from medallion_assets.delta.table import Snapshot

SOURCE_NOTE = "medallion_source_version"
"""The commit note that says from which version of its source a partition was computed."""
SOURCE_COMMITS_NOTE = "medallion_source_commits"
"""The commit note with the version and the commit id of each source, by name: a table that was put back to an older
copy keeps its id, and reaches the same numbers again with other commits."""
SOURCE_ID_NOTE = "medallion_source_table_id"
"""The commit note that says of which table that is a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVersion:
    """A version of one table: `table_id` is its Delta id, `made_at` when the table was made.

    `commit_id` names the commit that made the version; None where another writer did.
    """

    name: str
    table_id: str
    version: int
    made_at: datetime
    commit_id: str | None = None

    @classmethod
    def of(cls, source: Snapshot) -> SourceVersion:
        """The version that a snapshot shows."""
        return cls(
            name=source.table.name,
            table_id=source.table_id,
            version=source.version,
            made_at=source.made_at,
            commit_id=CommitLog(source).commit_id(source.version),
        )


def source_app_id(source: Snapshot) -> str:
    """The application id under which a table's log keeps how far it has taken `source`."""
    return f"{source.table.name}@{source.table_id}"


def marked_version(table: Snapshot, source: Snapshot) -> int | None:
    """The version that a table says it has taken of `source`, whether that is still there or not."""
    return table.transaction(source_app_id(source))


def taken_version(table: Snapshot, source: Snapshot) -> int | None:
    """The version of `source` that `table` has taken; None when it has taken none, or what it took is not there.

    What it took was another table, or this one before it was put back to an older copy. Marks of releases that kept the
    bare name say nothing either: who reads one looks at everything once more.
    """
    version = marked_version(table, source)
    if version is None or version > source.version:
        return None
    commit = last_commit(table, SOURCE_COMMITS_NOTE)
    try:
        return version if commit is None or _has_commit(CommitLog(source), commit) else None
    except (ValueError, TypeError, KeyError, AttributeError):  # a note that this release does not write
        return None


def built_from(commit: Mapping[str, Any], source: CommitLog) -> int | None:
    """`noted_version` where the source, opened after the table of the commit, still has that very version.

    None as well where it was put back to an older copy since, behind that version or with other commits up to it.
    """
    version = noted_version(commit, source.snapshot)
    if version is None or version > source.snapshot.version:
        return None
    try:
        return version if _has_commit(source, commit) else None
    except (ValueError, TypeError, KeyError, AttributeError):  # a note that this release does not write
        return None


def source_notes(source: SourceVersion) -> dict[str, object]:
    """The commit notes that name the version of the source that rows were computed from."""
    return {SOURCE_NOTE: source.version, SOURCE_ID_NOTE: source.table_id, **source_commits(source)}


def source_commits(*sources: SourceVersion) -> dict[str, object]:
    """The commit note that names the very commits that sources were read at; see `taken_version`."""
    return {
        SOURCE_COMMITS_NOTE: {
            source.name: {"version": source.version, "commit": source.commit_id, "table_id": source.table_id}
            for source in sources
        }
    }


def _has_commit(source: CommitLog, noted_by: Mapping[str, Any]) -> bool:
    """Whether a source can have the commit that a commit notes of it.

    What notes none, or another table's, says nothing; nor does a log that others shortened.
    """
    noted = (commit_note(noted_by, SOURCE_COMMITS_NOTE) or {}).get(source.snapshot.table.name)
    if noted is None or noted["commit"] is None or noted["table_id"] != source.snapshot.table_id:
        return True
    return source.has_commit(int(noted["version"]), noted["commit"]) is not False


def noted_version(commit: Mapping[str, Any], source: SourceVersion | Snapshot) -> int | None:
    """The version of the table of `source` that a commit was computed from; None when it names another table, or none.

    A commit of a release that noted the bare version is of this table if the table was there by then.
    """
    try:
        version, table_id = commit_note(commit, SOURCE_NOTE), commit_note(commit, SOURCE_ID_NOTE)
        if version is None:
            return None
        if table_id is None:
            committed_at = datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)
            return int(version) if source.made_at <= committed_at else None
        return int(version) if table_id == source.table_id else None
    except (ValueError, TypeError):  # a note that this release does not write
        return None

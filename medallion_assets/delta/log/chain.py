"""The chain of a table's commits: each names the bytes of the one before it, and a file beside the log names the last.

Belongs here: the digests of commit files, and what says them.
Does not: committing, or comparing them.

A commit's own digest cannot stand in it, so the next commit carries it; and so that the last ones are not lost unseen,
a small file at the table's root says which commit was the last, and its digest. It is written after the commit: a crash
in between, or two writers at once, leave it behind the log, where it proves less and nothing false. A commit that is
made on a log that is shorter than the file says keeps the evidence in a note. The file's name begins with an
underscore, which every reader and vacuum passes over.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from medallion_assets.delta.files.data_files import LOG_FOLDER, read_file

PARENT = "medallion_parent_sha256"
"""The commit note with the digest of the commit file before it."""
LOST = "medallion_lost_version"
"""The commit note with the version that the log had reached before it lost its last commits."""
LAST_COMMIT = "_medallion_last_commit.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCommit:
    """What the file beside the log says: the latest commit when it was written, and the digest of its file."""

    version: int
    digest: str


def commit_path(version: int) -> str:
    """Where the commit of a version lies, below the table."""
    return f"{LOG_FOLDER}/{version:020d}.json"


def chain_notes(store: ObjectStore, base: int) -> dict[str, str]:
    """What the commit after version `base` says of those before it.

    The digest is the one that was taken when `base` was written, if that is known: what was damaged since shows.

    Raises:
        OSError: the storage did not answer.
    """
    said = parse_last_commit(read_file(store, LAST_COMMIT) or b"")
    if said is not None and said.version > base:
        # If another writer is ahead, the commit fails; it lands only where the log has lost what it had.
        return {LOST: str(said.version)}
    parent = said.digest if said is not None and said.version == base else _digest(store, base)
    return {} if parent is None else {PARENT: parent}


def write_last_commit(store: ObjectStore, version: int) -> None:
    """Say that this version was the last one. When the storage fails it stays unsaid: the commit is in all the same."""
    try:
        digest = _digest(store, version)
        obstore.put(store, LAST_COMMIT, json.dumps({"version": version, "sha256": digest}).encode())
    except (BaseError, OSError):
        return


def parse_last_commit(data: bytes) -> LastCommit | None:
    """What the file says; None when it is damaged."""
    try:
        said = json.loads(data)
        return LastCommit(version=int(said["version"]), digest=str(said["sha256"]))
    except (ValueError, TypeError, KeyError):
        return None


def _digest(store: ObjectStore, version: int) -> str | None:
    """The digest of a commit file; None when it is not there: logs may begin at a checkpoint."""
    data = read_file(store, commit_path(version))
    return None if data is None else hashlib.sha256(data).hexdigest()

"""The Delta log itself: every commit there, whole, as it was written, and keeping its own word.

Belongs here: reading commit files and checkpoints as bytes.
Does not: the data files that commits name.

delta-rs takes an empty last commit, or one that lost its actions, for a commit without actions: fewer rows, and no
error.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from obstore.store import ObjectStore

from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.data_files import LOG_FOLDER
from medallion_assets.delta.log.chain import LAST_COMMIT, LOST, PARENT, commit_path, parse_last_commit
from medallion_assets.delta.log.replay import Replayed, checkpoint_differences, read_checkpoint
from medallion_assets.delta.storage_errors import READING_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors.long_texts import first_line
from medallion_assets.operations.verify.findings import Finding
from medallion_assets.refining.bronze import EXPORT_NOTE
from medallion_assets.refining.ledger.ledger import EXPORTS_NOTE
from medallion_assets.storage.listing import list_objects
from medallion_assets.storage.stores import open_store, read_bytes

_COMMIT = re.compile(rf"^{LOG_FOLDER}/(\d{{20}})\.json$")
_CHECKPOINT = re.compile(rf"^{LOG_FOLDER}/(\d{{20}})\.checkpoint\.parquet$")
_ANY_CHECKPOINT = re.compile(rf"^{LOG_FOLDER}/(\d{{20}})\.checkpoint\..*parquet$")
_HINT = f"{LOG_FOLDER}/_last_checkpoint"
_BROKEN_COMMIT = (
    "restore the file from a backup. Without one: if it is the last commit, remove it and run the stage again (it "
    "redoes the work); if it is an earlier one, recreate the table"
)
_LOST_COMMITS = (
    "restore the log from a backup. Without one, the stage redoes what was lost when it next runs; verify again "
    "after that, for tables made from the lost versions"
)
_BROKEN_CHECKPOINT = "remove the file and _last_checkpoint: readers take the commits then, which say the same"
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError)
"""What reading JSON raises that is not what it should be."""
READERS = 16
"""Commit files read at once: on S3 each takes a while."""

Actions = list[dict[str, Any]]


def verify_log(lakehouse: Lakehouse, table: Table) -> tuple[list[Finding], Replayed]:
    """Look at every commit and checkpoint of a table that is there; give what the log says as well.

    Raises:
        TransientError: the store did not answer.
    """
    return _Log(table, open_store(lakehouse.uri(table), lakehouse.storage_options)).look()


class _Log:
    """One pass over a log; `digests` are those of the commit files so far."""

    def __init__(self, table: Table, store: ObjectStore) -> None:
        self._table = table
        self._store = store
        # Before the listing: runs may be at work, and it is never ahead of the log as it is then.
        self._said = read_bytes(store, LAST_COMMIT)
        names = sorted(found.key for found in list_objects(store, LOG_FOLDER))
        self._has_hint = _HINT in names
        self._commits = [int(match[1]) for name in names if (match := _COMMIT.match(name))]
        self._checkpoints = {int(match[1]): name for name in names if (match := _CHECKPOINT.match(name))}
        self._any_checkpoints = [int(match[1]) for name in names if (match := _ANY_CHECKPOINT.match(name))]
        self._replay = Replayed()
        self._digests: dict[int, str] = {}
        self._findings: list[Finding] = []
        self._broken: set[int] = set()

    def look(self) -> tuple[list[Finding], Replayed]:
        """All of it; findings about one commit come before what follows from them."""
        self._missing()
        begins_after = self._begin()
        with ThreadPoolExecutor(READERS) as pool:
            contents = pool.map(lambda version: read_bytes(self._store, commit_path(version)) or b"", self._commits)
            for version, data in zip(self._commits, contents, strict=True):
                self._commit(version, data, is_applied=version > begins_after)
        self._last_commit()
        self._hint()
        return self._findings, self._replay

    def _missing(self) -> None:
        """Commits follow each other without a gap, from 0 or from a checkpoint on."""
        first = self._commits[0] if self._commits else 0
        if first > 0 and not any(checkpoint >= first - 1 for checkpoint in self._any_checkpoints):
            self._missing_commit(first - 1)
        for earlier, later in itertools.pairwise(self._commits):
            if later != earlier + 1:
                self._missing_commit(earlier + 1)

    def _begin(self) -> int:
        """Where commits were cleaned away, begin with a checkpoint; give its version, or -1."""
        if not self._commits or self._commits[0] == 0:
            return -1
        begin = min((version for version in self._checkpoints if version >= self._commits[0] - 1), default=-1)
        if begin >= 0 and (held := self._checkpoint(begin)) is not None:
            self._replay = held
            held.version = begin
        return begin

    def _commit(self, version: int, data: bytes, *, is_applied: bool) -> None:
        name = commit_path(version)
        self._digests[version] = hashlib.sha256(data).hexdigest()
        problem = _problem(data)
        if problem is not None:
            self._find("commit_is_whole", name, "lines of JSON, commitInfo among them", problem, _BROKEN_COMMIT)
            self._broken.add(version)
            return
        try:
            self._read(version, _actions(data), is_applied=is_applied)
        except _DAMAGED as error:
            self._find("commit_is_whole", name, "actions of the Delta protocol", repr(error), _BROKEN_COMMIT)
            self._broken.add(version)

    def _read(self, version: int, actions: Actions, *, is_applied: bool) -> None:
        info: dict[str, Any] = next(action["commitInfo"] for action in actions if "commitInfo" in action)
        self._expect_digest(version - 1, info.get(PARENT), f"commit {version} names")
        if (lost := info.get(LOST)) is not None:
            self._lost(version, int(lost), f"when commit {version} was made, in the place of another")
        if broken := list(_broken_promises(self._table, commit_path(version), actions)):
            self._findings += broken
            self._broken.add(version)
        if is_applied:
            self._replay.apply(version, actions)
            if version in self._checkpoints and not self._broken:
                self._compare(version)

    def _last_commit(self) -> None:
        """What the file beside the log says; tables that only earlier releases wrote have none."""
        data = self._said
        if data is None:
            return
        said, latest = parse_last_commit(data), max(self._commits, default=-1)
        if said is None:
            do = "remove it: the next commit writes it again"
            self._find("last_commit_is_named", LAST_COMMIT, "a version and a digest", f"{len(data)} bytes", do)
        elif said.version > latest:
            self._lost(latest + 1, said.version, "now")
        else:
            self._expect_digest(said.version, said.digest, f"{LAST_COMMIT} names")

    def _lost(self, first: int, last: int, when: str) -> None:
        expected = f"commits up to {last}, which was the last one"
        found = f"{when} the log ended before {first}"
        self._find("last_commits_are_there", commit_path(first), expected, found, _LOST_COMMITS)

    def _expect_digest(self, version: int, digest: str | None, who: str) -> None:
        found = self._digests.get(version)
        if digest is not None and found is not None and found != digest and version not in self._broken:
            self._broken.add(version)
            self._find(
                "commit_is_as_written", commit_path(version), f"SHA-256 {digest}, as {who}", found, _BROKEN_COMMIT
            )

    def _compare(self, version: int) -> None:
        held = self._checkpoint(version)
        if held is not None and (words := checkpoint_differences(held, self._replay)):
            expected = f"what the commits up to {version} say"
            name = self._checkpoints[version]
            self._find("checkpoint_says_the_same", name, expected, "; ".join(words), _BROKEN_CHECKPOINT)

    def _checkpoint(self, version: int) -> Replayed | None:
        name = self._checkpoints[version]
        try:
            return read_checkpoint(read_bytes(self._store, name) or b"")
        except (*READING_ERRORS, *_DAMAGED) as error:
            self._find("checkpoint_is_readable", name, "a Parquet file", first_line(error), _BROKEN_CHECKPOINT)
            return None

    def _hint(self) -> None:
        """The hint which checkpoint is the latest: delta-rs fails when that one is not there."""
        if not self._has_hint:
            return
        data = read_bytes(self._store, _HINT) or b""
        try:
            version = int(json.loads(data)["version"])
        except _DAMAGED:
            version = -1
        if version not in self._any_checkpoints:
            expected = f"one of the checkpoints {', '.join(map(str, sorted(set(self._any_checkpoints)))) or '(none)'}"
            do = "remove the file: readers list the log then"
            self._find("last_checkpoint_is_there", _HINT, expected, data[:100].decode(errors="replace"), do)

    def _missing_commit(self, version: int) -> None:
        self._find(
            "commits_follow_each_other", commit_path(version), f"commit {version}", "no such file", _BROKEN_COMMIT
        )

    def _find(self, check: str, file: str, expected: str, found: str, do: str) -> None:
        self._findings.append(
            Finding(table=self._table.name, check=check, file=file, expected=expected, found=found, do=do)
        )


def _problem(data: bytes) -> str | None:
    """What is wrong with the bytes of a commit, or None."""
    if not data.strip():
        return f"{len(data)} bytes, nothing in them"
    try:
        actions = _actions(data)
    except ValueError as error:
        return f"{len(data)} bytes that break off or are no JSON: {error}"
    if not all(isinstance(action, dict) for action in actions):
        return "lines that are no actions"
    return None if any("commitInfo" in action for action in actions) else "no commitInfo"


def _actions(data: bytes) -> Actions:
    return [json.loads(line) for line in data.decode().splitlines() if line.strip()]


def _broken_promises(table: Table, name: str, actions: Actions) -> Iterator[Finding]:
    """What our own commits say of themselves in commitInfo, which comes first, against the actions that follow."""
    info: dict[str, Any] = next(action["commitInfo"] for action in actions if "commitInfo" in action)
    marked = {action["txn"]["appId"] for action in actions if "txn" in action}
    promised = set(json.loads(info.get(EXPORTS_NOTE) or "[]"))
    loaded = json.loads(info.get(EXPORT_NOTE) or "null")
    if loaded is not None:
        promised.add(loaded["export_id"])
        stats = [json.loads(action["add"].get("stats") or "{}") for action in actions if "add" in action]
        rows = sum(file.get("numRecords", 0) for file in stats)
        if rows != loaded["records"]:
            yield _lost_actions(table, name, f"{loaded['records']} records of {loaded['export_id']}", f"{rows} records")
    if lost := sorted(promised - marked):
        yield _lost_actions(table, name, f"a transaction for each of {', '.join(sorted(promised))}", f"none for {lost}")


def _lost_actions(table: Table, name: str, expected: str, found: str) -> Finding:
    return Finding(
        table=table.name, check="commit_keeps_its_word", file=name, expected=expected, found=found, do=_BROKEN_COMMIT
    )

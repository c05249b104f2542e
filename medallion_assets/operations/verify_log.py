"""The Delta log itself: every commit there, whole, and keeping its own word.

Belongs here: reading the commit files one by one, as bytes. delta-rs takes an empty last commit, or one that lost its
    actions, for a commit without actions: fewer rows, and no error.
Does not: the data files that commits name (operations.verify_files).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from medallion_assets.dynamodb.storage import list_objects, open_store, read_bytes
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.lakehouse.raw_exports import EXPORT_NOTE
from medallion_assets.lakehouse.refine import EXPORTS_NOTE
from medallion_assets.operations.findings import Finding

LOG = "_delta_log"
_COMMIT = re.compile(rf"^{LOG}/(\d{{20}})\.json$")
_CHECKPOINT = re.compile(rf"^{LOG}/(\d{{20}})\.checkpoint\..*parquet$")
_BROKEN_COMMIT = (
    "take the file from a backup. Without one: if it is the last commit, remove it and run the stage again (what it "
    "did is done again); if it is an earlier one, make the table anew"
)

Actions = list[dict[str, Any]]


def verify_log(lakehouse: Lakehouse, table: Table) -> list[Finding]:
    """Look at every commit of a table that is there.

    Raises:
        TransientError: the store did not answer.
    """
    store = open_store(lakehouse.uri(table))
    names = sorted(meta["path"] for meta in list_objects(store, LOG))
    commits = [int(match[1]) for name in names if (match := _COMMIT.match(name))]
    checkpoints = [int(match[1]) for name in names if (match := _CHECKPOINT.match(name))]
    findings = list(_missing(table, commits, checkpoints))
    for version in commits:
        name = f"{LOG}/{version:020d}.json"
        data = read_bytes(store, name) or b""
        problem = _problem(data)
        if problem is not None:
            findings.append(
                Finding(
                    table=table.name,
                    check="commit_is_whole",
                    file=name,
                    expected="lines of JSON, commitInfo among them",
                    found=problem,
                    do=_BROKEN_COMMIT,
                )
            )
        else:
            findings += _broken_promises(table, name, _actions(data))
    return findings


def _missing(table: Table, commits: list[int], checkpoints: list[int]) -> Iterator[Finding]:
    """Commits follow each other without a gap, from 0 or from a checkpoint on."""
    first = commits[0] if commits else 0
    if first > 0 and not any(checkpoint >= first - 1 for checkpoint in checkpoints):
        yield _missing_commit(table, first - 1)
    for earlier, later in itertools.pairwise(commits):
        if later != earlier + 1:
            yield _missing_commit(table, earlier + 1)


def _missing_commit(table: Table, version: int) -> Finding:
    return Finding(
        table=table.name,
        check="commits_follow_each_other",
        file=f"{LOG}/{version:020d}.json",
        expected=f"commit {version}",
        found="no such file",
        do=_BROKEN_COMMIT,
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
        rows = sum(one.get("numRecords", 0) for one in stats)
        if rows != loaded["records"]:
            yield _lost_actions(table, name, f"{loaded['records']} records of {loaded['export_id']}", f"{rows} records")
    if lost := sorted(promised - marked):
        yield _lost_actions(table, name, f"a transaction for each of {', '.join(sorted(promised))}", f"none for {lost}")


def _lost_actions(table: Table, name: str, expected: str, found: str) -> Finding:
    return Finding(
        table=table.name, check="commit_keeps_its_word", file=name, expected=expected, found=found, do=_BROKEN_COMMIT
    )

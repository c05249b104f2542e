"""A table's log, applied commit by commit: the files it names, what it says of them, and its transactions.

Belongs here: what the log says, read without delta-rs, so that its answers and its checkpoints can be compared with it.
Does not: the bytes of the log, or what is wrong.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import polars as pl

from medallion_assets.delta.files.data_files import DIGEST

LogAction = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log says of a live data file; `digest` and `rows` are None where nobody noted them.

    `facts` is a hash of everything that readers go by: partition and statistics.
    """

    size: int
    rows: int | None
    digest: str | None
    facts: int

    @classmethod
    def of(cls, add: Mapping[str, Any]) -> Logged:
        """From an add action; its statistics are JSON, and may be missing in a checkpoint."""
        stats = json.loads(add.get("stats") or "{}")
        facts = json.dumps([stats, _members(add.get("partitionValues"))], sort_keys=True)
        return cls(size=int(add["size"]), rows=stats.get("numRecords"), digest=stats.get(DIGEST), facts=hash(facts))


@dataclass(kw_only=True)
class Replayed:
    """The log up to some version. Paths are as the folder has them; `named` holds those of files that are gone too.

    `commits` has the commitInfo of each commit with its `version`, the first one first; `table` what the log says of
    the table as a whole: its id, columns, partition and properties, and the protocol.
    """

    version: int = -1
    table: dict[str, Any] = field(default_factory=dict)
    live: dict[str, Logged] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    transactions: dict[str, int] = field(default_factory=dict)
    commits: list[dict[str, Any]] = field(default_factory=list)

    def apply(self, version: int, actions: Iterable[LogAction]) -> None:
        """The next commit. Removals come first: a file may be added again with other facts."""
        actions, self.version = list(actions), version
        for action in actions:
            if "remove" in action:
                path = unquote(action["remove"]["path"])
                self.live.pop(path, None)
                self.named.add(path)
        for action in actions:
            if "add" in action:
                path = unquote(action["add"]["path"])
                self.live[path] = Logged.of(action["add"])
                self.named.add(path)
            elif "cdc" in action:
                self.named.add(unquote(action["cdc"]["path"]))
            elif "txn" in action:
                self.transactions[action["txn"]["appId"]] = action["txn"]["version"]
            elif "metaData" in action:
                about = action["metaData"]
                self.table |= {name: about[name] for name in ("id", "schemaString", "partitionColumns")}
                self.table["configuration"] = _members(about.get("configuration"))
            elif "protocol" in action:
                self.table |= {name: action["protocol"][name] for name in ("minReaderVersion", "minWriterVersion")}
            elif "commitInfo" in action:
                self.commits.append({**action["commitInfo"], "version": version})


def read_checkpoint(data: bytes) -> Replayed:
    """What a checkpoint holds, of files that are gone only those that it still names.

    Raises:
        READING_ERRORS, ValueError, KeyError, TypeError: it is damaged.
    """
    rows = pl.read_parquet(io.BytesIO(data), columns=["add", "remove", "txn", "metaData", "protocol"])
    replay = Replayed()
    for name in rows.columns:
        kept = rows[name].drop_nulls().to_list()
        replay.apply(-1, [{name: each} for each in kept if any(value is not None for value in each.values())])
    return replay


def checkpoint_differences(held: Replayed, expected: Replayed) -> list[str]:
    """In which words a checkpoint differs from the commits up to its version."""
    words = []
    if other := sorted(name for name in expected.table if held.table.get(name) != expected.table[name]):
        words.append(f"another {other[0]}")
    if lost := sorted(expected.live.keys() - held.live.keys()):
        words.append(f"{len(lost)} files less, such as {lost[0]}")
    if more := sorted(held.live.keys() - expected.live.keys()):
        words.append(f"{len(more)} files more, such as {more[0]}")
    both = held.live.keys() & expected.live.keys()
    if changed := sorted(path for path in both if not _same(held.live[path], expected.live[path])):
        words.append(f"other facts of {len(changed)} files, such as {changed[0]}")
    if held.transactions != expected.transactions:
        differ = sorted(name for name, _ in held.transactions.items() ^ expected.transactions.items())
        words.append(f"other application transactions, such as {differ[0]}")
    return words


def _same(held: Logged, expected: Logged) -> bool:
    """Other writers' checkpoints may leave statistics out as text."""
    return held == expected or (held.size == expected.size and held.rows is None and held.digest is None)


def _members(values: Any) -> dict[str, Any]:
    """A map: an object in a commit, a list of entries in a checkpoint."""
    if isinstance(values, list):
        return {entry["key"]: entry["value"] for entry in values}
    return dict(values or {})

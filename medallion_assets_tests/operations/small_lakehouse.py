"""A small lakehouse, whole and sound, for tests that break it.

Belongs here: making it, looking at it, and the ways of changing it that several tests need.
Does not: what is to be found in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.data_files import DIGEST
from medallion_assets.delta.log.chain import LAST_COMMIT, PARENT
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.pipeline import lakehouse_at, land, run_silver

AT = datetime(2025, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BEGIN = AT - timedelta(minutes=1)
"""Of the first window: as of then the full export is sure of everything (rule C1)."""
FIRST, SECOND = "01746057600000-0000000a", "01746144000000-0000000b"


def exports() -> list[ExportInput]:
    """A full export and a window of each table: an update, a delete, a new segment, a row for quarantine."""
    in_euro = item_line(transaction("t3", currency={"S": "EUR"}))
    transactions = [item_line(transaction("t1")), item_line(transaction("t2")), in_euro]
    changes = [
        upsert_line(micros(AT) + 5, transaction("t1", amount={"N": "11"})),
        delete_line(micros(AT) + 6, {"transaction_id": {"S": "t2"}}),
    ]
    moved = upsert_line(micros(AT) + 5, customer("c1", region={"S": "east"}))
    return [
        full(TRANSACTIONS, FIRST, AT, [], transactions[:2], transactions[2:]),
        window(TRANSACTIONS, SECOND, BEGIN, AT + DAY, changes),
        full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]),
        window(CUSTOMERS, SECOND, BEGIN, AT + DAY, [moved]),
    ]


def make_lakehouse(folder: Path) -> Lakehouse:
    """Land all of it and run every stage up to enrichment; each export settles in a commit of its own."""
    lakehouse = lakehouse_at(folder)
    for export in exports():
        land(lakehouse, export)
        run_silver(lakehouse)
    return lakehouse


def found(lakehouse: Lakehouse, **level: bool) -> list[tuple[str, str]]:
    """(table, check) of each finding."""
    return [(finding.table, finding.check) for finding in verify(lakehouse, **level).findings]


def data_file(lakehouse: Lakehouse, table: Table) -> Path:
    """One live data file that has rows."""
    snapshot = lakehouse.open(table)
    names = snapshot.files.filter(snapshot.files["num_records"] > 0)["path"].sort()
    return Path(snapshot.uri) / names[0]


def log_file(lakehouse: Lakehouse, table: Table, version: int) -> Path:
    """The commit file of a version."""
    return Path(lakehouse.uri(table)) / "_delta_log" / f"{version:020d}.json"


def rewrite_commit(path: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Change the actions of a commit file in place."""
    actions = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(json.dumps(action) for action in change(actions)))


def as_before_digests(lakehouse: Lakehouse, table: Table) -> None:
    """Make a table's log what releases wrote that knew neither digests nor the chain of commits."""

    def older(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for action in actions:
            action.get("commitInfo", {}).pop(PARENT, None)
            if "add" in action:
                stats = json.loads(action["add"]["stats"])
                stats.pop(DIGEST, None)
                action["add"]["stats"] = json.dumps(stats)
        return actions

    (Path(lakehouse.uri(table)) / LAST_COMMIT).unlink(missing_ok=True)
    for version in range(lakehouse.open(table).version + 1):
        rewrite_commit(log_file(lakehouse, table, version), older)

"""Logs: a commit or checkpoint that is gone, broken or says something else than it did is found, and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from medallion_assets.contracts.table import Table
from medallion_assets.delta.log.chain import LAST_COMMIT
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets_tests.operations.small_lakehouse import (
    as_before_digests,
    found,
    log_file,
    rewrite_commit,
)
from medallion_assets_tests.pipeline import (
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
)

BRONZE = bronze_table("customer_transactions")
QUARANTINE = quarantine_table(CUSTOMER_TRANSACTIONS)
Actions = list[dict[str, Any]]


def _without(kind: str) -> Callable[[Path], None]:
    return lambda path: rewrite_commit(path, lambda actions: [action for action in actions if kind not in action])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _break_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (_empty, "commit_is_whole"),
        (_break_off, "commit_is_whole"),
        (_without("commitInfo"), "commit_is_whole"),
        (_without("add"), "commit_keeps_its_word"),
        (_without("txn"), "commit_keeps_its_word"),
    ],
    ids=["empty", "broken off", "no commitInfo", "no add", "no txn"],
)
def test_a_damaged_last_commit_is_found(lakehouse: Lakehouse, damage: Callable[[Path], None], check: str) -> None:
    """delta-rs takes most of these for a commit without actions: fewer rows, and no error."""
    last = log_file(lakehouse, BRONZE, lakehouse.open(BRONZE).version)
    damage(last)
    answer = verify(lakehouse)
    assert {(finding.table, finding.check) for finding in answer.findings} == {(BRONZE.name, check)}
    assert answer.findings[0].file == f"_delta_log/{last.name}"


def test_a_silver_commit_without_its_transactions_is_found(lakehouse: Lakehouse) -> None:
    """C5: it says which exports it settled, and carries a transaction for each."""
    version = lakehouse.open(CUSTOMER_TRANSACTIONS).version
    _without("txn")(log_file(lakehouse, CUSTOMER_TRANSACTIONS, version))
    assert found(lakehouse) == [("silver.customer_transactions", "commit_keeps_its_word")]


@pytest.mark.parametrize("version", [0, 1])
def test_a_missing_commit_is_found(lakehouse: Lakehouse, version: int) -> None:
    """In the middle of the log, and at its start."""
    log_file(lakehouse, BRONZE, version).unlink()
    assert found(lakehouse)[0] == (BRONZE.name, "commits_follow_each_other")


def test_a_log_that_begins_at_a_checkpoint_is_whole(lakehouse: Lakehouse) -> None:
    """Commits before a checkpoint may be cleaned away."""
    table = quarantine_table(CUSTOMER_TRANSACTIONS)
    DeltaTable(lakehouse.uri(table)).create_checkpoint()
    log_file(lakehouse, table, 0).unlink()
    assert found(lakehouse) == []


def test_a_log_that_cannot_be_read_is_a_finding_not_a_crash(lakehouse: Lakehouse) -> None:
    """JSON, but no Delta: a schema that is none."""
    as_before_digests(lakehouse, CUSTOMERS)

    def without_schema(actions: Actions) -> Actions:
        for action in actions:
            if "metaData" in action:
                action["metaData"]["schemaString"] = "{}"
        return actions

    rewrite_commit(log_file(lakehouse, CUSTOMERS, 0), without_schema)
    assert found(lakehouse) == [("silver.customers", "table_opens")]


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("back", [0, 1, 2], ids=lambda back: f"latest less {back}")
def test_a_commit_that_stays_json_but_says_something_else_is_found(lakehouse: Lakehouse, back: int) -> None:
    """The next commit names the bytes of each, and a file beside the log those of the last."""
    version = lakehouse.open(BRONZE).version - back
    path = log_file(lakehouse, BRONZE, version)
    _flip(path, path.read_bytes().index(b"delta-rs"))
    answer = verify(lakehouse)
    assert [(finding.check, finding.file) for finding in answer.findings] == [
        ("commit_is_as_written", f"_delta_log/{path.name}")
    ]


def test_last_commits_that_are_gone_are_found(lakehouse: Lakehouse) -> None:
    """Also after another one has taken their place."""
    quarantine = lakehouse.open(QUARANTINE)
    log_file(lakehouse, QUARANTINE, quarantine.version).unlink()
    assert found(lakehouse) == [(QUARANTINE.name, "last_commits_are_there")]
    lakehouse.open(QUARANTINE).commit(transactions={"e": 1})
    assert found(lakehouse) == [(QUARANTINE.name, "last_commits_are_there")]


def test_a_damaged_name_of_the_last_commit_is_found_and_mended_by_the_next(lakehouse: Lakehouse) -> None:
    (Path(lakehouse.uri(QUARANTINE)) / LAST_COMMIT).write_bytes(b"{")
    assert found(lakehouse) == [(QUARANTINE.name, "last_commit_is_named")]
    lakehouse.open(QUARANTINE).commit()
    assert found(lakehouse) == []


def _checkpoint(lakehouse: Lakehouse, table: Table) -> Path:
    DeltaTable(lakehouse.uri(table)).create_checkpoint()
    (path,) = (Path(lakehouse.uri(table)) / "_delta_log").glob("*.checkpoint.parquet")
    return path


def test_a_checkpoint_that_says_something_else_than_the_commits_is_found(lakehouse: Lakehouse) -> None:
    """Files, marks, or nothing readable: delta-rs takes the checkpoint's word."""
    path = _checkpoint(lakehouse, BRONZE)
    assert found(lakehouse) == []
    rows = pl.read_parquet(path)
    adds = rows.with_row_index().filter(pl.col("add").struct.field("path").is_not_null())["index"]
    rows.with_row_index().filter(pl.col("index") != adds[0]).drop("index").write_parquet(path)
    assert found(lakehouse) == [(BRONZE.name, "checkpoint_says_the_same")]
    marks = rows.with_row_index().filter(pl.col("txn").struct.field("appId").is_not_null())["index"]
    rows.with_row_index().filter(pl.col("index") != marks[0]).drop("index").write_parquet(path)
    (finding,) = verify(lakehouse).findings
    assert (finding.check, "application transactions" in finding.found) == ("checkpoint_says_the_same", True)
    path.write_bytes(path.read_bytes()[:-9])
    assert found(lakehouse) == [(BRONZE.name, "checkpoint_is_readable")]


@pytest.mark.parametrize("hint", ["", "{", '{"version": 77}'])
def test_a_hint_at_a_checkpoint_that_is_not_there_is_found(lakehouse: Lakehouse, hint: str) -> None:
    _checkpoint(lakehouse, BRONZE).with_name("_last_checkpoint").write_text(hint)
    assert found(lakehouse) == [(BRONZE.name, "last_checkpoint_is_there")]

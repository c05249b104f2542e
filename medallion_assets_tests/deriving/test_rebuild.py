"""Rebuilding enriched and Gold tables: every day again, and only those that differ are replaced."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from medallion_assets.contracts.table import Column, Integer, Table
from medallion_assets.delta.damage import damaged_files
from medallion_assets.delta.notes.commit_notes import RESTATED, commit_note, last_commit
from medallion_assets.delta.replacing.partitions import REMOVED, REPLACED
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.deriving.changed_days import rebuild_derived, update_derived
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV, lifetime_value
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, ENRICHMENT, LIFETIME_VALUE
from medallion_assets_tests import pipeline
from medallion_assets_tests.operations.small_lakehouse import AT, FIRST
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS
from medallion_assets_tests.pipeline import lakehouse_at, land, run_gold, run_silver

DAY, BETWEEN, NEXT = date(2025, 3, 7), date(2025, 3, 8), date(2025, 3, 9)
Rebuild = Callable[..., Rebuilt]
TABLES: dict[str, tuple[Table, Rebuild]] = {
    "enriched": (ENRICHED_TRANSACTIONS, lambda lakehouse, **more: rebuild_derived(lakehouse, ENRICHMENT, **more)),
    "daily sales": (
        DAILY_SALES_SUMMARY,
        lambda lakehouse, **more: rebuild_gold(lakehouse, DAILY_SALES, **more),
    ),
    "lifetime value": (CUSTOMER_LTV, lambda lakehouse, **more: rebuild_gold(lakehouse, LIFETIME_VALUE, **more)),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of sales, built up to Gold; to be copied, not changed."""
    lakehouse = lakehouse_at(tmp_path_factory.mktemp("built"))
    sales = [transaction("t1"), transaction("t2", transaction_timestamp={"S": "2025-03-09T12:00:00Z"})]
    land(lakehouse, full(TRANSACTIONS, FIRST, AT, [item_line(sale) for sale in sales]))
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]))
    run_silver(lakehouse)
    run_gold(lakehouse, [DAY, BETWEEN, NEXT])
    return Path(lakehouse.url)


@pytest.fixture
def lakehouse(built: Path, tmp_path: Path) -> Lakehouse:
    """A copy of that."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return lakehouse_at(tmp_path)


def rows(lakehouse: Lakehouse, table: Table) -> list[dict[str, Any]]:
    return pipeline.rows(lakehouse, table, str(table.partition_by), *table.key)


def tamper(lakehouse: Lakehouse, table: Table) -> None:
    """Take the rows of the first day out behind everybody's back."""
    snapshot = lakehouse.open(table)
    snapshot.commit(remove=snapshot.partition_files([DAY])["path"].to_list())


@pytest.mark.parametrize("name", TABLES)
def test_a_day_that_differs_is_put_right_and_the_others_keep_their_files(lakehouse: Lakehouse, name: str) -> None:
    table, rebuild = TABLES[name]
    right, kept = rows(lakehouse, table), set(lakehouse.open(table).partition_files([NEXT])["path"])
    tamper(lakehouse, table)
    done = rebuild(lakehouse, why="somebody took rows out")
    assert rows(lakehouse, table) == right
    assert set(lakehouse.open(table).partition_files([NEXT])["path"]) == kept
    assert (done.changes.added, done.changes.gone, done.changes.restated) == (1, 0, {DAY})
    commit = last_commit(lakehouse.open(table), REBUILT_NOTE)
    assert commit is not None
    assert commit_note(commit, RESTATED if name == "enriched" else REPLACED) == [str(DAY)]
    assert not rebuild(lakehouse, why="again").changes.any


@pytest.mark.parametrize("name", TABLES)
def test_a_file_that_is_gone_or_broken_is_made_again(lakehouse: Lakehouse, name: str) -> None:
    table, rebuild = TABLES[name]
    right = rows(lakehouse, table)
    snapshot = lakehouse.open(table)
    for day, damage in ((DAY, Path.unlink), (NEXT, lambda path: path.write_bytes(b"PAR1 of nothing PAR1"))):
        damage(Path(snapshot.uri) / snapshot.partition_files([day])["path"][0])
    rebuild(lakehouse, why="a disk broke")
    assert rows(lakehouse, table) == right


@pytest.mark.parametrize("name", TABLES)
def test_a_dry_run_says_the_same_and_writes_nothing(lakehouse: Lakehouse, name: str) -> None:
    table, rebuild = TABLES[name]
    tamper(lakehouse, table)
    folder = Path(lakehouse.url)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    dry = rebuild(lakehouse, why="look first", dry_run=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert dry.changes == rebuild(lakehouse, why="then do").changes


def test_a_required_column_that_gold_gains_needs_a_rebuild(lakehouse: Lakehouse) -> None:
    """The same table afterwards, with the column in every row."""
    wider = replace(CUSTOMER_LTV, columns=(*CUSTOMER_LTV.columns, Column("orders_squared", Integer(), "for a test")))

    def squared(base: nw.LazyFrame[Any], day: date) -> nw.LazyFrame[Any]:
        return lifetime_value(base, day).with_columns((nw.col("order_count") ** 2).alias("orders_squared"))

    table_id = lakehouse.open(CUSTOMER_LTV).table_id
    with pytest.raises(Exception, match=r"has rows without orders_squared.*medallion rebuild gold\.customer_ltv"):
        lakehouse.ready(wider)
    gold = replace(LIFETIME_VALUE, table=wider, compute=squared)
    rebuild_gold(lakehouse, gold, why="the contract has changed")
    assert [row["orders_squared"] for row in rows(lakehouse, wider)] == [1, 1, 4]
    assert lakehouse.open(wider).table_id == table_id


def test_as_of_days_that_are_not_kept_go(lakehouse: Lakehouse) -> None:
    """G5: the rebuild of customer_ltv leaves what a build would leave."""
    build(lakehouse, LIFETIME_VALUE, [NEXT + timedelta(days=9)])
    done = rebuild_gold(lakehouse, LIFETIME_VALUE, why="tidy")
    assert lakehouse.open(CUSTOMER_LTV).partitions == [DAY, BETWEEN, NEXT]
    commit = last_commit(lakehouse.open(CUSTOMER_LTV), REMOVED)
    assert commit is not None
    assert commit_note(commit, REMOVED) == [str(NEXT + timedelta(days=9))]
    assert done.changes.gone == 1


def test_enrichment_goes_on_after_a_rebuild(lakehouse: Lakehouse) -> None:
    """It carries how far both sources are in."""
    shutil.rmtree(Path(lakehouse.uri(ENRICHED_TRANSACTIONS)))
    update_derived(lakehouse, ENRICHMENT)
    rebuild_derived(lakehouse, ENRICHMENT, why="to be sure")
    assert update_derived(lakehouse, ENRICHMENT).version == lakehouse.open(ENRICHED_TRANSACTIONS).version


@pytest.mark.parametrize("name", TABLES)
def test_a_file_with_other_bytes_is_made_again_although_it_reads_the_same(lakehouse: Lakehouse, name: str) -> None:
    """A flipped bit where no reader looks: verify finds the digest wrong, so the file has to go."""
    table, rebuild = TABLES[name]
    snapshot, right = lakehouse.open(table), rows(lakehouse, table)
    file = Path(snapshot.uri) / snapshot.partition_files([DAY])["path"][0]
    file.write_bytes(file.read_bytes().replace(b"Polars", b"polars"))
    assert (damaged_files(snapshot), rows(lakehouse, table)) == ({file.relative_to(snapshot.uri).as_posix()}, right)
    assert not rebuild(lakehouse, why="verify said so").changes.any
    commit = last_commit(lakehouse.open(table), REBUILT_NOTE)
    assert commit is not None
    assert commit_note(commit, RESTATED if name == "enriched" else REPLACED) == []
    assert (damaged_files(lakehouse.open(table)), rows(lakehouse, table)) == (set(), right)

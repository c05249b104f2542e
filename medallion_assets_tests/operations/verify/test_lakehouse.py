"""Verify: a sound lakehouse has no finding, and each way of breaking it is found by name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.refining.bronze import LEDGER_BOUNDS, bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.operations.small_lakehouse import (
    AT,
    DAY,
    SECOND,
    data_file,
    exports,
    found,
)
from medallion_assets_tests.oracle.lines import full, item_line, transaction
from medallion_assets_tests.oracle.strategies import History, any_histories
from medallion_assets_tests.pipeline import (
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
    ENRICHED_TRANSACTIONS,
    NOW,
    lakehouse_at,
    land,
    run_silver,
)
from medallion_assets_tests.properties.examples import examples

BRONZE = bronze_table("customer_transactions")
QUARANTINE = quarantine_table(CUSTOMER_TRANSACTIONS)
THIRD = "01746230400000-0000000c"


@pytest.mark.parametrize("level", [{}, {"digests": True}, {"deep": True}], ids=str)
def test_a_sound_lakehouse_has_no_finding_and_stays_as_it_is(lakehouse: Lakehouse, level: dict[str, bool]) -> None:
    """Tables that are not made yet are named as such; nothing is written."""
    before = sorted(Path(lakehouse.url).rglob("*"))
    answer = verify(lakehouse, **level)
    assert (answer.findings, answer.notes) == ([], [])
    assert {table.table: table.rows for table in answer.tables if table.version is not None} == {
        "bronze.customer_transactions": 5,
        "silver.customer_transactions": 2,
        "quarantine.customer_transactions": 1,
        "quarantine.customers": 0,
        "bronze.customers": 2,
        "silver.customers": 2,
        "silver.customers_events": 2,
        "silver.enriched_transactions": 1,
    }
    assert "gold.customer_ltv" in {table.table for table in answer.tables if table.version is None}
    assert sorted(Path(lakehouse.url).rglob("*")) == before


def test_a_place_without_tables_is_a_finding(tmp_path: Path) -> None:
    """Nothing found is never well; looking makes nothing."""
    answer = verify(lakehouse_at(tmp_path / "nothing"), deep=True)
    (finding,) = answer.findings
    assert (finding.check, finding.found) == ("place_is_ours", "no such folder")
    assert finding.do.startswith("run bronze/customer_transactions first")
    assert not (tmp_path / "nothing").exists()


# Bronze


def test_a_bronze_that_was_rolled_back_is_found(lakehouse: Lakehouse) -> None:
    """restore() takes the lines back but not the transactions; Silver still counts the export as settled."""
    DeltaTable(lakehouse.uri(BRONZE)).restore(lakehouse.open(BRONZE).version - 1)
    assert found(lakehouse) == [
        (BRONZE.name, "ledger_is_in_the_data"),
        ("silver.customer_transactions", "settled_exports_are_in_bronze"),
    ]
    land(lakehouse, exports()[1])
    run_silver(lakehouse)
    assert found(lakehouse) == []


def test_an_export_that_lost_a_file_is_found(lakehouse: Lakehouse) -> None:
    """B1: all of an export's lines, or none."""
    bronze = lakehouse.open(BRONZE)
    bronze.commit(remove=[data_file(lakehouse, BRONZE).relative_to(bronze.uri).as_posix()])
    assert (BRONZE.name, "export_is_whole") in found(lakehouse)


def test_lines_that_are_there_twice_are_found(lakehouse: Lakehouse) -> None:
    """B5: a file that was added again under another name, and lines that are twice in one file."""
    bronze = lakehouse.open(BRONZE)
    rows = bronze.scan(paths=[data_file(lakehouse, BRONZE).relative_to(bronze.uri).as_posix()])
    again = bronze.folder.write(rows, partition=bronze.partitions[0], bounds=LEDGER_BOUNDS)
    twice = bronze.folder.write(pl.concat([rows, rows]), partition=bronze.partitions[0], bounds=LEDGER_BOUNDS)
    bronze.commit([again, twice])
    answer = verify(lakehouse, deep=True)
    assert {finding.check for finding in answer.findings} == {"export_is_whole", "lines_are_there_once"}
    words = "; ".join(finding.found for finding in answer.findings[1:])
    assert "more than once" in words


def test_a_source_file_may_lie_in_several_files_of_bronze(lakehouse: Lakehouse) -> None:
    """B4: a large one is cut into parts; all of its lines are there once."""
    bronze = lakehouse.open(BRONZE)
    path = bronze.files.filter(pl.col("num_records") == 2)["path"].sort()[0]
    rows = bronze.scan(paths=[path])
    parts = [
        bronze.folder.write(rows.slice(n, 1), partition=bronze.partitions[0], bounds=LEDGER_BOUNDS) for n in range(2)
    ]
    bronze.commit(parts, remove=[path])
    assert verify(lakehouse, deep=True).findings == []


def test_lines_that_are_missing_are_found(lakehouse: Lakehouse) -> None:
    """B4: in the place of a file, one without its first line."""
    bronze = lakehouse.open(BRONZE)
    path = bronze.files.filter(pl.col("num_records") == 2)["path"].sort()[0]
    rows = bronze.scan(paths=[path]).with_columns((pl.col("_line_number") + 1).alias("_line_number"))
    bronze.commit([bronze.folder.write(rows, partition=bronze.partitions[0], bounds=LEDGER_BOUNDS)], remove=[path])
    assert found(lakehouse) == []
    (finding,) = verify(lakehouse, deep=True).findings
    assert finding.check == "lines_are_there_once"
    assert "numbered 2 to 3" in finding.found


def test_lines_of_another_export_than_the_log_says_are_found(lakehouse: Lakehouse) -> None:
    """B4: the footer of a file against the bounds that the ledger is read from."""
    bronze = lakehouse.open(BRONZE)
    path = bronze.files.filter(pl.col("num_records") == 2)["path"].sort()[0]
    rows = bronze.scan(paths=[path]).with_columns(pl.lit("another").alias("_export_id"))
    replaced = bronze.files.row(by_predicate=pl.col("path") == path, named=True)
    written = bronze.folder.write(rows, partition=bronze.partitions[0])
    bounds = {name: (replaced[f"min.{name}"], replaced[f"max.{name}"]) for name in LEDGER_BOUNDS}
    bronze.commit([replace(written, bounds=bounds)], remove=[path])
    (finding,) = verify(lakehouse).findings
    assert finding.check == "file_has_its_bounds"
    assert "another to another" in finding.found


def test_lines_that_no_commit_mentions_are_found(lakehouse: Lakehouse) -> None:
    """B5: an export that somebody appended by hand has neither a note nor a transaction."""
    bronze = lakehouse.open(BRONZE)
    rows = bronze.scan().filter(pl.col("_source_file") == "b").with_columns(pl.lit("by hand").alias("_export_id"))
    first = rows.with_columns(pl.lit(1, dtype=pl.Int64).alias("_line_number")).head(1)
    bronze.commit([bronze.folder.write(first, partition=bronze.partitions[0], bounds=LEDGER_BOUNDS)])
    assert [check for _, check in found(lakehouse)] == ["data_is_in_the_ledger", "export_has_its_transaction"]


# Silver, quarantine, enrichment


def test_a_silver_that_was_rolled_back_is_found(lakehouse: Lakehouse) -> None:
    """Its rows are old, yet its transactions say that the export is settled. Going forward again mends it."""
    delta = DeltaTable(lakehouse.uri(CUSTOMER_TRANSACTIONS))
    latest = delta.version()
    delta.restore(latest - 1)
    answer = verify(lakehouse)
    assert [finding.check for finding in answer.findings] == ["settled_exports_are_in_the_data"]
    assert answer.findings[0].found.endswith(SECOND)
    DeltaTable(lakehouse.uri(CUSTOMER_TRANSACTIONS)).restore(latest)
    assert found(lakehouse) == []


def test_a_bronze_that_was_made_anew_with_less_is_found(lakehouse: Lakehouse) -> None:
    """C5: Silver was made from another table, and settled exports are not there."""
    shutil.rmtree(lakehouse.uri(BRONZE))
    land(lakehouse, exports()[0])
    assert found(lakehouse) == [
        ("silver.customer_transactions", "settled_exports_are_in_bronze"),
        ("silver.customer_transactions", "source_is_the_same_table"),
    ]
    shutil.rmtree(lakehouse.uri(BRONZE))
    assert found(lakehouse, deep=True)[-1] == ("quarantine.customer_transactions", "exports_are_in_bronze")


@pytest.mark.parametrize("table", [CUSTOMER_TRANSACTIONS, CUSTOMERS], ids=lambda table: table.name)
def test_a_key_with_two_live_rows_is_found(lakehouse: Lakehouse, table: Table) -> None:
    """K1, H1: one live row a key, one current version a customer."""
    silver = lakehouse.open(table)
    live = silver.scan().filter("is_current" if table.history else ~pl.col("is_deleted"))
    silver.commit([silver.folder.write(live, partition=silver.partitions[0] if silver.partitions else None)])
    assert (table.name, "unique_live_key") in found(lakehouse, deep=True)


def test_a_quarantined_row_that_is_there_twice_is_found(lakehouse: Lakehouse) -> None:
    """C6: a row is identified by export, file and line."""
    quarantine = lakehouse.open(QUARANTINE)
    quarantine.commit([quarantine.folder.write(quarantine.scan())])
    assert found(lakehouse, deep=True) == [(QUARANTINE.name, "rows_are_there_once")]


def test_enriched_rows_that_are_missing_or_of_deleted_keys_are_found(lakehouse: Lakehouse) -> None:
    """H2: a row for each live transaction, and for nothing else."""
    enriched = lakehouse.open(ENRICHED_TRANSACTIONS)
    leaked = enriched.scan().with_columns(pl.lit("t2").alias("transaction_id"))
    enriched.commit([enriched.folder.write(leaked, partition=enriched.partitions[0])])
    name = ENRICHED_TRANSACTIONS.name
    (finding,) = verify(lakehouse).findings
    assert (finding.table, finding.check) == (name, "rows_are_the_live_ones")
    assert finding.do.endswith("if its compute is at fault, the rebuild says what to correct and changes nothing")
    assert found(lakehouse, deep=True) == [(name, "rows_are_the_live_ones"), (name, "no_tombstone_leaks")]


def test_enrichment_that_is_behind_is_a_note(lakehouse: Lakehouse) -> None:
    """Between two runs that is how it is, and its rows are not compared."""
    land(lakehouse, full("customer_transactions", THIRD, AT + 2 * DAY, [item_line(transaction("t9"))]))
    refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    answer = verify(lakehouse, deep=True)
    assert answer.findings == []
    assert answer.notes == ["silver.enriched_transactions has not taken the latest of silver.customer_transactions"]


# Deep


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (CUSTOMER_TRANSACTIONS, "product_category"),
        pytest.param(CUSTOMERS, "region", marks=pytest.mark.slow),
        pytest.param(ENRICHED_TRANSACTIONS, "customer_segment", marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_changed_value_is_found_by_making_the_table_again(lakehouse: Lakehouse, table: Table, column: str) -> None:
    """K2, H1, H2: what no count tells, recomputing does; the partition and a key are named."""
    stored = lakehouse.open(table)
    day = stored.partitions[0] if stored.partitions else None
    changed = stored.scan(partitions=[day] if day else None).with_columns(pl.lit("other").alias(column))
    removed = stored.partition_files([day])["path"] if day else stored.files["path"]
    version = stored.commit([stored.folder.write(changed, partition=day)], remove=removed)
    if table is not ENRICHED_TRANSACTIONS:
        lakehouse.open(ENRICHED_TRANSACTIONS).commit(transactions={table.name: version})
    assert found(lakehouse, digests=True) == []
    (finding,) = verify(lakehouse, deep=True).findings
    assert (finding.table, finding.check) == (table.name, "equals_recomputation")
    assert "c1" in finding.found or "t1" in finding.found


@examples(4)
@given(history=any_histories())
def test_any_history_is_sound(history: History) -> None:
    """K4: whatever came, was stopped or waits, what the pipeline made is what verify makes."""
    with TemporaryDirectory() as folder:
        lakehouse = lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, history.decisions)
        for export in history.exports:
            land(lakehouse, export)
            run_silver(lakehouse)
        answer = verify(lakehouse, deep=True)
        assert (answer.findings, answer.notes) == ([], [])


@pytest.mark.slow
def test_a_rebuild_that_was_cut_off_before_its_quarantine_is_found(lakehouse: Lakehouse) -> None:
    """Also under an unchanged contract, whose fingerprints do not differ."""
    rebuild_judged(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), why="once", now=NOW)
    assert found(lakehouse) == []
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr("medallion_assets.refining.rebuilding.rebuild.replace_quarantine", _crash)
        with pytest.raises(RuntimeError):
            rebuild_judged(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), why="twice", now=NOW)
    assert found(lakehouse) == [("quarantine.customer_transactions", "rebuild_is_whole")]
    rebuild_judged(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), why="thrice", now=NOW)
    assert found(lakehouse) == []


def _crash(*_arguments: object, **_options: object) -> None:
    raise RuntimeError

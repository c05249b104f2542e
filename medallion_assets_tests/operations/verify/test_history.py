"""Histories: tables that were rolled back, replaced or made again under those who read them are found."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from medallion_assets.contracts.table import Table
from medallion_assets.delta.log.replay import Replayed
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.operations.tables.pipeline_runs import record_attempts
from medallion_assets.operations.verify.findings import Finding
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.operations.verify.log import verify_log
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, ENRICHMENT
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.refine import refine
from medallion_assets_tests.operations.planted import attempt
from medallion_assets_tests.operations.small_lakehouse import (
    AT,
    DAY,
    exports,
    found,
)
from medallion_assets_tests.oracle.lines import full, item_line, transaction
from medallion_assets_tests.pipeline import (
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
    ENRICHED_TRANSACTIONS,
    NOW,
    declared,
    land,
    run_silver,
)

BRONZE = bronze_table("customer_transactions")
QUARANTINE = quarantine_table(CUSTOMER_TRANSACTIONS)
THIRD = "01746230400000-0000000c"
FIRST_DAY = AT.date()


@pytest.mark.parametrize("table", [QUARANTINE, ENRICHED_TRANSACTIONS], ids=lambda table: table.name)
def test_a_table_that_was_rolled_back_is_found(lakehouse: Lakehouse, table: Table) -> None:
    """By a restore, until another one goes forward again."""
    lakehouse.open(table).commit()
    latest = lakehouse.open(table).version
    DeltaTable(lakehouse.uri(table)).restore(latest - 1)
    assert (table.name, "table_was_not_rolled_back") in found(lakehouse)
    DeltaTable(lakehouse.uri(table)).restore(latest)
    assert found(lakehouse) == []


def test_a_folder_that_was_replaced_by_an_older_copy_is_found(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """Nothing in it tells; the table that was made from it does, and so does the run that made what is missing."""
    silver = Path(lakehouse.uri(CUSTOMER_TRANSACTIONS))
    shutil.copytree(silver, tmp_path / "old")
    land(lakehouse, full("customer_transactions", THIRD, AT + 2 * DAY, [item_line(transaction("t9"))]))
    run_silver(lakehouse)
    version = lakehouse.open(CUSTOMER_TRANSACTIONS).version
    run = replace(attempt(), stage=CUSTOMER_TRANSACTIONS.name, table_version=version, run_id="r7")
    record_attempts(lakehouse, [run])
    assert found(lakehouse) == []
    shutil.rmtree(silver)
    (tmp_path / "old").rename(silver)
    answer = verify(lakehouse)
    assert [(finding.table, finding.check) for finding in answer.findings] == [
        (CUSTOMER_TRANSACTIONS.name, "version_reaches_its_readers"),
        (CUSTOMER_TRANSACTIONS.name, "version_reaches_its_last_run"),
    ]
    assert "run r7" in answer.findings[1].expected


@pytest.mark.parametrize("table", [BRONZE, CUSTOMER_TRANSACTIONS, QUARANTINE], ids=lambda table: table.name)
def test_a_table_that_has_lost_its_log_is_found(lakehouse: Lakehouse, table: Table) -> None:
    shutil.rmtree(Path(lakehouse.uri(table), "_delta_log"))
    answer = verify(lakehouse)
    (finding,) = [finding for finding in answer.findings if finding.table == table.name]
    assert (finding.check, "files without a _delta_log" in finding.found) == ("table_has_its_log", True)
    assert "restore its _delta_log from a backup" in finding.do


def test_a_table_that_is_gone_though_a_run_made_it_is_found(lakehouse: Lakehouse) -> None:
    """One that no run made was never there."""
    build(lakehouse, DAILY_SALES, [FIRST_DAY])
    shutil.rmtree(lakehouse.uri(DAILY_SALES_SUMMARY))
    assert found(lakehouse) == []
    record_attempts(lakehouse, [attempt(stage=DAILY_SALES_SUMMARY.name, run_id="r7", table_version=1)])
    (finding,) = verify(lakehouse).findings
    assert (finding.table, finding.check, finding.found) == (DAILY_SALES_SUMMARY.name, "table_is_there", "no table")
    assert finding.expected == "version 1 at least, which run r7 made"


def test_a_gold_day_that_was_rolled_back_and_built_anew_is_well(lakehouse: Lakehouse) -> None:
    build(lakehouse, DAILY_SALES, [FIRST_DAY])
    build(lakehouse, DAILY_SALES, [FIRST_DAY])
    DeltaTable(lakehouse.uri(DAILY_SALES_SUMMARY)).restore(1)
    assert found(lakehouse) == [(DAILY_SALES_SUMMARY.name, "table_was_not_rolled_back")]
    build(lakehouse, DAILY_SALES, [FIRST_DAY])
    assert found(lakehouse) == []


def test_a_source_that_was_made_again_whole_is_found(lakehouse: Lakehouse) -> None:
    """The same exports in the same versions: only its age tells that it is another table."""
    shutil.rmtree(lakehouse.uri(BRONZE))
    for export in exports()[:2]:
        land(lakehouse, export)
    assert found(lakehouse) == [(CUSTOMER_TRANSACTIONS.name, "source_is_the_same_table")]


def test_a_silver_table_that_was_made_again_is_found_until_enrichment_has_taken_it(lakehouse: Lakehouse) -> None:
    """Its versions are counted anew, so what enrichment has noted of them means another table."""
    shutil.rmtree(lakehouse.uri(CUSTOMERS))
    refine(lakehouse, declared(CUSTOMERS), now=NOW)
    assert found(lakehouse) == [(ENRICHED_TRANSACTIONS.name, "source_is_the_same_table")]
    update_derived(lakehouse, ENRICHMENT)
    assert found(lakehouse) == []


def test_runs_at_work_meanwhile_are_no_finding(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits between any two looks: after a log was listed, and before its table is opened."""

    def meanwhile(where: Lakehouse, table: Table) -> tuple[list[Finding], Replayed]:
        looked = verify_log(where, table)
        if table.layer in ("bronze", "silver") and table.columns:
            snapshot = where.open(table)
            snapshot.commit([snapshot.folder.write(snapshot.scan().head(0))])
        return looked

    monkeypatch.setattr("medallion_assets.operations.verify.lakehouse.verify_log", meanwhile)
    assert found(lakehouse) == []

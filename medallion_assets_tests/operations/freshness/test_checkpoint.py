"""How far every stage has come: said by the tables' own logs, whatever else was recorded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from medallion_assets.definitions import build_defs
from medallion_assets.delta.committing import COMMIT_ID
from medallion_assets.delta.notes.commit_notes import last_commit
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.freshness.checkpoint import LOG, committed_at, read_checkpoints
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.monitoring import Checkpoint
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.refine import refine
from medallion_assets.settings import load_settings
from medallion_assets_tests.operations.small_lakehouse import AT, DAY, SECOND
from medallion_assets_tests.oracle.lines import customer, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS as CUSTOMERS_NAME
from medallion_assets_tests.oracle.model import TRANSACTIONS, micros
from medallion_assets_tests.pipeline import (
    CATALOG,
    CUSTOMER_TRANSACTIONS,
    CUSTOMERS,
    NOW,
    declared,
    lakehouse_at,
    land,
    run_gold,
    run_silver,
)

GOOD = Outcome.SUCCEEDED
SALES_DAY = date(2025, 3, 7)
THIRD = "01746230400000-0000000c"


def checkpoint(lakehouse: Lakehouse, stage: str) -> Checkpoint:
    (found,) = [checkpoint for checkpoint in read_checkpoints(lakehouse) if checkpoint.stage == stage]
    return found


def test_every_stage_has_one_in_the_job_that_runs_it() -> None:
    """The names of jobs live above this room: they are held together here."""
    defs = build_defs(load_settings({}))
    for stage in stages(CATALOG):
        selected = defs.resolve_job_def(stage.job).asset_layer.executable_asset_keys
        assert stage.table.path in {key.to_user_string() for key in selected}


def test_nothing_was_made_yet(tmp_path: Path) -> None:
    """Looking makes no table."""
    found = read_checkpoints(lakehouse_at(tmp_path / "nothing"))
    assert {(checkpoint.last_success, checkpoint.watermark, checkpoint.table_version) for checkpoint in found} == {
        (None, None, None)
    }
    assert [checkpoint.stage for checkpoint in found] == [stage.table.name for stage in stages(CATALOG)]
    assert not (tmp_path / "nothing").exists()


def test_bronze_tells_its_last_export(lakehouse: Lakehouse) -> None:
    table = bronze_table(TRANSACTIONS)
    commit = last_commit(lakehouse.open(table), COMMIT_ID)
    assert commit is not None
    assert checkpoint(lakehouse, table.name) == Checkpoint(
        pipeline="ingest",
        stage=table.name,
        told_by=LOG,
        last_success=committed_at(commit),
        watermark=SECOND,
        covered_until=AT + DAY,
        table_version=2,
    )
    written = (Path(lakehouse.uri(table)) / "_delta_log" / f"{2:020}.json").stat().st_mtime
    assert abs(committed_at(commit) - datetime.fromtimestamp(written, UTC)) < timedelta(minutes=5)


def test_silver_tells_what_it_settled_and_what_waits(lakehouse: Lakehouse) -> None:
    """An export behind a gap is not settled, however often Silver runs."""
    name = CUSTOMER_TRANSACTIONS.name
    before = checkpoint(lakehouse, name)
    assert (before.watermark, before.covered_until, before.waiting) == (
        "bronze.customer_transactions@2",
        AT + DAY,
        0,
    )
    assert before.last_day == SALES_DAY
    land(lakehouse, window(TRANSACTIONS, THIRD, AT + 2 * DAY, AT + 3 * DAY, []))
    refine(lakehouse, declared(CUSTOMER_TRANSACTIONS), now=NOW)
    after = checkpoint(lakehouse, name)
    assert (after.watermark, after.covered_until, after.waiting) == (before.watermark, AT + DAY, 1)
    assert checkpoint(lakehouse, "bronze.customer_transactions").covered_until == AT + DAY, "behind a gap"


def test_the_enriched_table_tells_both_its_sources(lakehouse: Lakehouse) -> None:
    name, marks = ENRICHED_TRANSACTIONS.name, "silver.customer_transactions@2, silver.customers@2"
    told = checkpoint(lakehouse, name)
    assert (told.watermark, told.waiting, told.covered_until) == (marks, 0, AT + DAY)
    change = upsert_line(micros(AT + DAY) + 5, customer("c1", region={"S": "west"}))
    land(lakehouse, window(CUSTOMERS_NAME, THIRD, AT + DAY, AT + 2 * DAY, [change]))
    refine(lakehouse, declared(CUSTOMERS), now=NOW)
    assert (checkpoint(lakehouse, name).watermark, checkpoint(lakehouse, name).waiting) == (marks, 1)


def test_gold_tells_what_it_was_built_from(lakehouse: Lakehouse) -> None:
    """Not the source's version of now."""
    run_gold(lakehouse)
    built_from = lakehouse.open(ENRICHED_TRANSACTIONS).version
    sale = upsert_line(micros(AT + DAY) + 5, transaction("t9"))
    land(lakehouse, window(TRANSACTIONS, THIRD, AT + DAY, AT + 2 * DAY, [sale]))
    run_silver(lakehouse)
    assert lakehouse.open(ENRICHED_TRANSACTIONS).version > built_from
    gold = checkpoint(lakehouse, DAILY_SALES_SUMMARY.name)
    assert (gold.pipeline, gold.watermark) == ("daily_gold_and_publish", f"silver.enriched_transactions@{built_from}")
    assert (gold.last_day, gold.table_version) == (SALES_DAY, 1)


def test_a_table_that_was_only_made_has_no_success(lakehouse: Lakehouse) -> None:
    lakehouse.ready(DAILY_SALES_SUMMARY)
    gold = checkpoint(lakehouse, DAILY_SALES_SUMMARY.name)
    assert (gold.last_success, gold.watermark, gold.table_version) == (None, None, 0)


def test_a_commit_tells_its_run(tmp_path: Path) -> None:
    lakehouse = Lakehouse(catalog=CATALOG, url=str(tmp_path), author={"dagster_run_id": "r1"})
    land(lakehouse, window(TRANSACTIONS, THIRD, AT, AT + DAY, []))
    assert checkpoint(lakehouse, "bronze.customer_transactions").run_id == "r1"


def test_serving_tells_the_last_attempt_that_succeeded(lakehouse: Lakehouse) -> None:
    """A later failure published nothing that could be relied on."""
    good = StageAttempt(
        run_id="r1",
        stage="serving.daily_sales_metrics",
        attempt=1,
        partition="2025-03-01...2025-03-07",
        started_at=AT,
        duration_seconds=5,
        table_version=3,
        outcome=Outcome.SUCCEEDED,
    )
    bad = StageAttempt(
        run_id="r2", stage=good.stage, attempt=1, started_at=AT + DAY, duration_seconds=5, outcome=Outcome.FAILED
    )
    record_attempts(lakehouse, [good, bad])
    found = checkpoint(lakehouse, "serving.daily_sales_metrics")
    assert found == Checkpoint(
        pipeline="daily_gold_and_publish",
        stage="serving.daily_sales_metrics",
        told_by="pipeline_runs",
        last_success=AT + timedelta(seconds=5),
        watermark="gold.daily_sales_summary@3",
        last_day=SALES_DAY,
        table_version=3,
        run_id="r1",
    )
    assert checkpoint(lakehouse, "serving.customer_ltv_metrics").last_success is None


def test_a_success_of_a_day_that_is_none_is_told_not_fatal(lakehouse: Lakehouse) -> None:
    """Whoever wrote that row: what else it says is still known."""
    stage = "serving.daily_sales_metrics"
    odd = StageAttempt(
        run_id="r1", stage=stage, attempt=1, partition="2025-02-30", started_at=AT, duration_seconds=5, outcome=GOOD
    )
    record_attempts(lakehouse, [odd])
    found = checkpoint(lakehouse, stage)
    assert (found.last_day, found.run_id) == (None, "r1")
    assert found.told_by == "pipeline_runs; '2025-02-30' is not a day"

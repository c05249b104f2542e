"""What counts as a refresh, and when a table is stale."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.freshness import Refreshed, freshness, read_freshness
from medallion_assets.operations.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.operations.stages import data_tables
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets_tests.pipeline import CATALOG, CUSTOMER_TRANSACTIONS, lakehouse_at, run_gold

NOW = datetime(2025, 5, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
GOLD = Refreshed(table=DAILY_SALES_SUMMARY, freshness_hours=24)


@pytest.mark.parametrize(("age", "is_stale"), [(23 * HOUR, False), (24 * HOUR, False), (24 * HOUR + SECOND, True)])
def test_gold_is_stale_after_24_hours(age: timedelta, is_stale: bool) -> None:
    """Counted from the later one of a commit and a success."""
    for one in (
        replace(GOLD, committed_at=NOW - age),
        replace(GOLD, succeeded_at=NOW - age),
        replace(GOLD, committed_at=NOW - age, succeeded_at=NOW - 99 * HOUR),
        replace(GOLD, committed_at=NOW - 99 * HOUR, succeeded_at=NOW - age),
    ):
        judged = freshness(one, NOW)
        assert (judged.is_stale, judged.last_refreshed, judged.sla_hours) == (is_stale, NOW - age, 24)


def test_a_table_without_a_limit_is_never_stale() -> None:
    judged = freshness(Refreshed(table=CUSTOMER_TRANSACTIONS, committed_at=NOW - 9999 * HOUR), NOW)
    assert (judged.is_stale, judged.sla_hours) == (False, None)


@pytest.mark.parametrize(("began", "is_stale"), [(None, False), (NOW - HOUR, False), (NOW - 25 * HOUR, True)])
def test_a_table_that_was_never_refreshed_is_as_old_as_the_lakehouse(began: datetime | None, is_stale: bool) -> None:
    judged = freshness(replace(GOLD, began_at=began), NOW)
    assert (judged.is_stale, judged.last_refreshed) == (is_stale, None)


def test_every_data_table_is_told_and_none_of_operations(tmp_path: Path) -> None:
    """Looking makes no table, and before anything was loaded nothing is stale."""
    found = read_freshness(lakehouse_at(tmp_path / "nothing"), NOW)
    assert [one.table for one in found] == [table.name for table in data_tables(CATALOG)]
    assert {"bronze.customers", "silver.customers_events", "quarantine.customers", "gold.customer_ltv"} <= {
        one.table for one in found
    }
    assert not any(one.table.startswith("operations") for one in found)
    promised = {one.table.split(".")[0] for one in found if one.sla_hours == 24}
    assert promised == {"gold", "serving"}
    assert {(one.last_refreshed, one.row_count, one.is_stale) for one in found} == {(None, None, False)}
    assert not (tmp_path / "nothing").exists()


def test_freshness_of_real_tables(lakehouse: Lakehouse) -> None:
    """Gold is fresh by its commit, and goes stale; what found nothing new counts; what was never built is stale too."""
    now = datetime.now(UTC)
    run_gold(lakehouse)
    later = now + 25 * HOUR
    found = {one.table: one for one in read_freshness(lakehouse, later)}
    assert found["silver.customer_transactions"].row_count == 2, "the tombstone counts"
    assert {one.table for one in found.values() if one.is_stale} == {
        "gold.daily_sales_summary",
        "gold.customer_ltv",
        "serving.daily_sales_metrics",
        "serving.customer_ltv_metrics",
    }
    looked = StageAttempt(
        run_id="r",
        stage="gold.daily_sales_summary",
        attempt=1,
        started_at=later - HOUR,
        duration_seconds=60,
        outcome=Outcome.SUCCEEDED,
    )
    failed = replace(looked, stage="serving.daily_sales_metrics", outcome=Outcome.FAILED)
    record_attempts(lakehouse, [looked, failed])
    again = {one.table: one for one in read_freshness(lakehouse, later)}
    gold = again["gold.daily_sales_summary"]
    assert (gold.is_stale, gold.last_refreshed) == (False, later - 59 * timedelta(minutes=1))
    assert again["serving.daily_sales_metrics"].is_stale, "an attempt that failed refreshed nothing"

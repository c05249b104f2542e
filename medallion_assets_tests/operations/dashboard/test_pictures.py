"""The pictures of the dashboard: each figure is a fact that was planted, on a scale that fits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.delay import delays_of
from medallion_assets.operations.dashboard.facts import DashboardFacts, read_facts
from medallion_assets.operations.dashboard.pictures import groups_of
from medallion_assets.operations.dashboard.quality import quality_histories, reasons_of
from medallion_assets.operations.dashboard.work import budgets_of, durations_of
from medallion_assets.operations.drawing.markup import breakable
from medallion_assets.operations.drawing.picture import Picture
from medallion_assets.operations.tables.expectation_results import ExpectationResult, record_results
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets_tests.operations.dashboard.dashboard_page import (
    HOUR,
    NOW,
    SALES,
    TRANSACTIONS,
    attempt,
    result,
)

LTV = "serving.customer_ltv_metrics"


def facts(lakehouse: Lakehouse, *attempts: StageAttempt, results: tuple[ExpectationResult, ...] = ()) -> DashboardFacts:
    record_attempts(lakehouse, attempts)
    record_results(lakehouse, results)
    return read_facts(lakehouse, NOW)


def pictures(found: DashboardFacts, group: str) -> list[Picture]:
    return [picture for shown in groups_of(found) if shown.name == group for picture in shown.pictures]


def test_quality_is_held_against_the_threshold(empty_lakehouse: Lakehouse) -> None:
    """The mean of 7 days weighs runs by their records, and forgets what is older."""
    (history,) = quality_histories(
        facts(
            empty_lakehouse,
            attempt(TRANSACTIONS, 24 * 9, quality_score=0.5, records_in=1000),
            attempt(TRANSACTIONS, 2, quality_score=1.0, records_in=300, run_id="r2"),
            attempt(TRANSACTIONS, 1, quality_score=0.9, records_in=100, run_id="r3"),
            attempt(TRANSACTIONS, 0.5, quality_score=1.0, records_in=0, run_id="r4"),
        )
    )
    assert history.threshold == 0.98
    assert [run.score for run in history.runs] == [0.5, 1.0, 0.9]
    assert [mean for _, mean in history.means] == pytest.approx([0.5, 1.0, 0.975])


def test_reasons_count_an_export_as_it_was_judged_last(empty_lakehouse: Lakehouse) -> None:
    """An export that was held and then accepted counts once; warnings do not."""
    later: dict[str, Any] = {"run_id": "run-2", "judged_at": NOW - HOUR}
    found = facts(
        empty_lakehouse,
        results=(
            result("currency_unsupported", 40, is_published=False),
            result("currency_unsupported", 40, **later),
            result("amount_out_of_range", 5, export_id="e2", is_published=False),
            result("payment_method_unknown", 90, kind="expect"),
            result("status_unknown", 0),
        ),
    )
    reasons = [(reason.reason, reason.quarantined, reason.held) for reason in reasons_of(found)]
    assert reasons == [("currency_unsupported", 40, 0), ("amount_out_of_range", 0, 5)]


def test_durations_of_all_stages_share_one_scale(empty_lakehouse: Lakehouse) -> None:
    """A second and an hour both have their place; what failed last is marked, and does not count as a duration."""
    found = facts(
        empty_lakehouse,
        attempt(TRANSACTIONS, 5, duration_seconds=1.0),
        attempt(TRANSACTIONS, 4, duration_seconds=3.0, run_id="r2"),
        attempt(TRANSACTIONS, 3, duration_seconds=2.0, run_id="r3"),
        attempt(TRANSACTIONS, 2, duration_seconds=900.0, run_id="r4", outcome=Outcome.FAILED),
        attempt("bronze.customers", 1, duration_seconds=3600.0),
    )
    silver, bronze = durations_of(found)
    assert (silver.fastest, silver.median, silver.slowest, silver.last) == (1.0, 2.0, 3.0, 900.0)
    assert (silver.attempts, silver.failed, silver.outcome) == (4, 1, Outcome.FAILED)
    assert (bronze.stage, bronze.fastest) == ("bronze.customers", 3600.0)
    (picture,) = pictures(found, "durations")
    assert picture.figures is not None
    bars = [str(row[1]) for row in picture.figures.rows]
    assert "30 min" in bars[0] or "1 h" in bars[0], "the axis names what a person counts in"
    assert 'class="red"' in bars[1]


def test_a_publish_is_held_against_its_own_budget(empty_lakehouse: Lakehouse) -> None:
    """By the seconds in which it wrote; a publish that wrote nothing has no rate."""
    usual = {"publishing_seconds": 2.0, "duration_seconds": 60.0}
    (budget,) = budgets_of(
        facts(
            empty_lakehouse,
            attempt(SALES, 3, consumed_wcu=900.0, target_wcu=500.0, **usual),
            attempt(SALES, 2, consumed_wcu=900.0, target_wcu=400.0, run_id="r2", **usual),
            attempt(SALES, 1, consumed_wcu=0.0, target_wcu=500.0, run_id="r3", **usual),
        )
    )
    assert [(publish.rate, publish.budget) for publish in budget.publishes] == [(450.0, 500.0), (450.0, 400.0)]
    assert budget.over == 1


def test_the_delay_is_measured_until_readers_have_it(empty_lakehouse: Lakehouse) -> None:
    """Against its own limit; a publish without a new export says nothing."""
    found = facts(
        empty_lakehouse,
        attempt(SALES, 3, export_age_seconds=600.0),
        attempt(SALES, 2, export_age_seconds=7200.0, run_id="r2"),
        attempt(SALES, 1, run_id="r3"),
    )
    (delay,) = delays_of(found)
    assert delay.ages == [
        (NOW - 3 * HOUR + timedelta(minutes=1), 600.0),
        (NOW - 2 * HOUR + timedelta(minutes=1), 7200.0),
    ]
    (picture,) = pictures(found, "delay")
    assert "longest 2 h" in picture.note
    assert delay.limit_seconds is None or "over" in picture.note


def test_a_delay_that_nobody_can_know_is_said_to_be_unknown(tmp_path: Path) -> None:
    """The star schema's readers read Gold; its models were made of tables that say not how far they reach."""
    lakehouse = Lakehouse(catalog=Catalog((STAR_SCHEMA,)), url=str(tmp_path))
    assert pictures(read_facts(lakehouse, NOW), "delay") == []
    (picture,) = pictures(facts(lakehouse, attempt("gold.mart_revenue", 1)), "delay")
    assert (picture.title, picture.drawing) == (breakable("gold.mart_revenue"), None)
    assert picture.note == "coverage unknown"


def test_of_samples_it_is_said_that_no_age_is_recorded(empty_lakehouse: Lakehouse) -> None:
    """Rule V5; once, of all tables that were made, their coverage known or not. What was recorded is drawn."""
    mark_as_sample(empty_lakehouse, now=NOW, note="a sample")
    assert pictures(read_facts(empty_lakehouse, NOW), "delay") == []
    said = pictures(facts(empty_lakehouse, attempt(SALES, 1, covered_until=NOW - 400 * HOUR), attempt(LTV, 1)), "delay")
    note = "sample data: export age is not recorded"
    assert [(picture.title, picture.note) for picture in said] == [(f"{SALES}, {LTV}", note)]
    record_attempts(empty_lakehouse, [attempt(SALES, 0.5, run_id="r2", export_age_seconds=600.0)])
    drawn, still = pictures(read_facts(empty_lakehouse, NOW), "delay")
    assert (drawn.title, drawn.drawing is None) == (breakable(SALES), False)
    assert (still.title, still.note) == (LTV, note)


def test_nothing_is_drawn_of_nothing(empty_lakehouse: Lakehouse) -> None:
    for group in groups_of(facts(empty_lakehouse)):
        assert all(picture.drawing is None for picture in group.pictures)
        assert group.nothing

"""What is missing, late, or brings nothing any more: just over the limit and not just under it, one alert a cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.operations.alerts.arrivals import gap, late_batch, no_new_records, unprotected_minute
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.exports.waiting import WaitingBatch
from medallion_assets.operations.stages import delta_tables
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.operations.tables.pipeline_runs import Outcome
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.refining.ledger.chain import UnprotectedMinute
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts
from medallion_assets_tests.pipeline import CATALOG

DAY = 24 * 3600.0
PUBLISHED = "serving.daily_sales_metrics"
REACHED = NOW - timedelta(days=1)
MINUTE = UnprotectedMinute(
    full_id="e1", batch_id="e2", covered_until=REACHED - timedelta(minutes=1), window_from=REACHED
)
FRESH = Freshness(table=SILVER, last_refreshed=NOW, row_count=5, sla_hours=24.0, is_stale=False)


@pytest.mark.parametrize(
    ("age", "ago", "outcome", "is_told"),
    [
        (21_600.0, 60, Outcome.SUCCEEDED, False),
        (21_601.0, 60, Outcome.SUCCEEDED, True),
        (21_601.0, DAY + 60, Outcome.SUCCEEDED, False),
        (21_601.0, 60, Outcome.FAILED, False),
        (None, 60, Outcome.SUCCEEDED, False),
    ],
)
def test_an_export_that_reaches_readers_late_is_told_once_a_day(
    age: float | None, ago: float, outcome: Outcome, is_told: bool
) -> None:
    """V5: while a table catches up each publish is late; a figure of yesterday was told yesterday."""
    late = attempt(stage=PUBLISHED, ago=ago, outcome=outcome, export_age_seconds=age)
    again = replace(late, run_id="r2", started_at=late.started_at + timedelta(seconds=30))
    alerts = list(late_batch(AlertFacts(attempts=attempts(late, again), catalog=CATALOG), NOW))
    assert [(alert.key, alert.run_id) for alert in alerts] == (
        [(f"late_export/{PUBLISHED}/2025-05-08", "r2")] if is_told else []
    )


@pytest.mark.parametrize(
    ("pipeline", "stages"),
    [
        (replace(TRANSACTIONS, published=()), {"gold.daily_sales_summary", "gold.customer_ltv"}),
        (STAR_SCHEMA, {"gold.mart_revenue"}),
        (ECOMMERCE, set()),  # nothing promises when a month comes in
    ],
    ids=["days", "a release", "months"],
)
def test_what_readers_read_of_gold_has_the_same_limit(pipeline: Pipeline, stages: set[str]) -> None:
    """V5: where Gold is not published; a release is late once, however many tables it has."""
    catalog = Catalog((pipeline,))
    late = [attempt(stage=table.name, ago=60, export_age_seconds=21_601.0) for table in delta_tables(catalog)]
    alerts = late_batch(AlertFacts(attempts=attempts(*late), catalog=catalog), NOW)
    assert {alert.table for alert in alerts} == stages


@pytest.mark.parametrize(("ago", "is_told"), [(3599, False), (3600, True)])
def test_a_gap_is_told_when_the_missing_window_is_late(ago: float, is_told: bool) -> None:
    waiting = WaitingBatch(
        table=SILVER,
        batch_id="e2",
        word="export",
        why="export e2 waits",
        to_at=NOW - timedelta(seconds=ago),
        covered_until=REACHED,
    )
    told = [(f"gap/{SILVER}/2025-05-07T15:00:00+00:00", "gap", SILVER)] if is_told else []
    assert [(alert.key, alert.kind, alert.table) for alert in gap(AlertFacts(waiting=[waiting]), NOW)] == told


def test_a_gap_is_one_alert_however_many_exports_wait_behind_it() -> None:
    """Also when one of them comes later than those after it: the gap is known by where it begins."""
    first = WaitingBatch(
        table=SILVER, word="export", batch_id="e3", why="e3 waits", to_at=REACHED, covered_until=REACHED
    )
    second, before = replace(first, batch_id="e4"), replace(first, batch_id="e2")
    (alert,) = gap(AlertFacts(waiting=[first, second]), NOW)
    (later,) = gap(AlertFacts(waiting=[before, first, second]), NOW)
    assert alert.key == later.key
    (unbegun,) = gap(AlertFacts(waiting=[replace(first, covered_until=None)]), NOW)
    assert unbegun.key == f"gap/{SILVER}/the beginning"


@pytest.mark.parametrize(("ago", "is_told"), [(3599, False), (3600, True)])
def test_an_unprotected_minute_is_told_when_a_window_over_it_is_late(ago: float, is_told: bool) -> None:
    late = replace(MINUTE, window_from=NOW - timedelta(seconds=ago))
    told = [f"unprotected_minute/{SILVER}/e1"] if is_told else []
    assert [alert.key for alert in unprotected_minute(AlertFacts(minutes=[(SILVER, late)]), NOW)] == told


@pytest.mark.parametrize(
    ("fresh", "last", "is_told"),
    [
        (FRESH, NOW - timedelta(hours=24), False),
        (FRESH, NOW - timedelta(hours=25), True),
        (FRESH, None, False),  # not made yet, or longer ago than anybody looks
        (replace(FRESH, sla_hours=None), NOW - timedelta(hours=25), False),
        (replace(FRESH, is_stale=True), NOW - timedelta(hours=25), False),  # that is an alert of its own
        (replace(FRESH, measured_at=NOW - timedelta(hours=2)), NOW - timedelta(hours=25), False),  # a sample's clock
    ],
)
def test_a_table_that_is_brought_nothing_for_longer_than_it_may_be_behind(
    fresh: Freshness, last: datetime | None, is_told: bool
) -> None:
    facts = AlertFacts(freshness=[fresh], last_records={} if last is None else {SILVER: last})
    told = [(f"no_new_records/{SILVER}/2025-05-07T14:00:00+00:00", "no_new_records")] if is_told else []
    assert [(alert.key, alert.kind) for alert in no_new_records(facts, NOW)] == told

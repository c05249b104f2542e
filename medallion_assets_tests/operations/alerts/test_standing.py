"""An alert is over when what it says has ended; that its rule is silent is not enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from medallion_assets.operations.alerts.facts import AlertFacts, RunningStage
from medallion_assets.operations.alerts.rules import alerts_of
from medallion_assets.operations.alerts.standing import standing_conditions
from medallion_assets.operations.exports.waiting import WaitingBatch
from medallion_assets.operations.tables.alerts import Alert, AlertEvent, Event
from medallion_assets.operations.tables.expectation_results import ABSENT, GATE, QUALITY, UNKNOWN
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.operations.tables.pipeline_runs import Outcome
from medallion_assets.operations.unread import Unread
from medallion_assets.refining.ledger.chain import UnprotectedMinute
from medallion_assets.refining.loading.refused_batches import RefusedBatch
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts, results
from medallion_assets_tests.pipeline import CATALOG

HOUR, DAY = 3600.0, 24 * 3600.0
SERVING = "serving.daily_sales_metrics"
CLOSED: dict[str, Any] = {"stage": SERVING, "job": DAILY, "partition": "2025-05-07"}
FRESH = Freshness(table=SILVER, last_refreshed=NOW, row_count=1, sla_hours=24.0, is_stale=False)
STALE = replace(FRESH, is_stale=True)
REFUSED = RefusedBatch(
    table_name="customers",
    export_id="e1",
    prefix="AWSDynamoDB",
    verdict="torn",
    message="m",
    fingerprint="f1",
    judged_at=NOW,
)
BROKEN = Incident(
    run_id="r9",
    job="refine",
    stage=SILVER,
    error="no",
    headline="no",
    failed_at=NOW - timedelta(hours=2),
    raised_at=NOW,
)
QUERY = replace(BROKEN, stage="query_alerts.orphans", job="query_alerts")
WAITING = WaitingBatch(table=SILVER, word="export", batch_id="e2", why="e2 waits", to_at=NOW - timedelta(days=1))
MINUTE = UnprotectedMinute(
    full_id="e1", batch_id="e2", covered_until=NOW - timedelta(days=2), window_from=NOW - timedelta(days=1)
)
RUNNING = RunningStage(run_id="r5", job="refine", stage=SILVER, started_at=NOW - timedelta(days=1))
LAST = NOW - timedelta(days=2)


def facts(*rows: Any, **found: Any) -> AlertFacts:
    return AlertFacts(attempts=attempts(*rows), catalog=CATALOG, **found)


def scores(*numbers: int) -> Any:
    """Exports of these numbers, each with its score."""
    found = results(*[(0, 10)] * 7, expectation=QUALITY, kind=GATE)
    return found.filter(found["export_id"].is_in([f"{number:04}" for number in numbers]))


def attribute(name: str, kind: str, number: int) -> Any:
    found = results(*[(10, 10)] * 7, expectation=name, kind=kind)
    return found.filter(found["export_id"] == f"{number:04}")


CURRENCY = attribute("currency", ABSENT, 1)
FAILED = attempt(run_id="r9", outcome=Outcome.FAILED, error="no", error_kind="E", ago=2 * HOUR)
PROVISIONAL = attempt(**CLOSED, ago=6 * HOUR, trigger="schedule", is_complete=False)
COVERED = attempt(
    **{**CLOSED, "partition": "2025-05-07...2025-05-08"},
    is_complete=False,
    sources_covered_until=datetime(2025, 5, 8, 7, tzinfo=UTC),
)
"""The end of the first of its days is covered, to the moment."""
CONDITIONS = {
    "failed": (f"failed/r9/{SILVER}", SILVER),
    "query": ("query/query_alerts.orphans", None),
    "quality": (f"quality/{SILVER}", SILVER),
    "stale": (f"stale/{SILVER}", SILVER),
    "refused": ("refused/customers/e1/AWSDynamoDB", "bronze.customers"),
    "late_close": (f"daily_not_done/{SERVING}/2025-05-06", SERVING),
    "provisional": (f"provisional/{DAILY}/2025-05-07", SERVING),
    "gap": (f"gap/{SILVER}/the beginning", SILVER),
    "minute": (f"unprotected_minute/{SILVER}/e1", SILVER),
    "silence": (f"no_new_records/{SILVER}/{LAST.isoformat()}", SILVER),
    "appeared": (f"schema_drift/{SILVER}/appeared/coupon", SILVER),
    "vanished": (f"schema_drift/{SILVER}/vanished/a/b/0005", SILVER),
    "unfilled": (f"schema_drift/{SILVER}/unfilled/currency/currency", SILVER),
    "renamed": (f"schema_drift/{SILVER}/unfilled/currency/currency_code", SILVER),
    "slow": (f"slow/r5/{SILVER}", SILVER),
    "unreadable": ("blind/decisions", None),
}
GOES_ON = [
    ("failed", facts(FAILED)),
    ("failed", facts(FAILED, attempt(ago=HOUR / 2), incidents=[BROKEN])),
    ("failed", facts(FAILED, known_runs=frozenset({"r9"}))),
    ("query", facts()),
    ("query", facts(incidents=[QUERY])),
    ("query", facts(incidents=[replace(QUERY, ended_at=NOW), replace(QUERY, run_id="r10")])),
    ("quality", facts(attempt(records_in=100, quality_score=0.5))),
    ("quality", facts(attempt(records_in=100, quality_score=1.0, ago=7.5 * DAY))),
    ("stale", facts(freshness=[STALE])),
    ("refused", facts(refused=[replace(REFUSED, fingerprint="f2")])),
    ("refused", facts(refused=[replace(REFUSED, judged_at=NOW - timedelta(days=20))])),
    ("late_close", facts(attempt(**CLOSED), days_due={DAILY: date(2025, 5, 7)})),
    ("late_close", facts(attempt(**{**CLOSED, "partition": "2025-05-06"}, ago=2 * DAY))),  # it was not over
    ("provisional", facts(PROVISIONAL)),
    ("provisional", facts(attempt(**CLOSED))),
    ("provisional", facts(replace(COVERED, sources_covered_until=datetime(2025, 5, 8, 6, 59, tzinfo=UTC)))),
    ("gap", facts(waiting=[WAITING])),
    ("minute", facts(minutes=[(SILVER, MINUTE)])),
    ("silence", facts(freshness=[FRESH], last_records={SILVER: LAST})),
    ("silence", facts(freshness=[STALE], last_records={SILVER: LAST})),
    ("silence", facts(freshness=[FRESH])),
    ("appeared", facts(results=attribute("coupon", UNKNOWN, 1))),
    ("appeared", facts()),
    ("vanished", facts(results=scores(1, 2).vstack(attribute("a/b", ABSENT, 2)))),  # too few to raise it
    ("vanished", facts()),
    ("unfilled", facts(results=scores(1).vstack(CURRENCY).vstack(attribute("curency", UNKNOWN, 1)))),
    ("unfilled", facts()),
    ("slow", facts(running=[RUNNING])),
    ("unreadable", facts(unread=[Unread(what="decisions", error="no answer")])),
]
IS_OVER = [
    ("failed", facts(FAILED, attempt(ago=HOUR / 2))),
    ("failed", facts(incidents=[replace(BROKEN, ended_at=NOW)])),
    ("query", facts(incidents=[replace(QUERY, ended_at=NOW)])),
    ("quality", facts(attempt(records_in=100, quality_score=1.0))),
    ("stale", facts(freshness=[FRESH])),
    ("refused", facts(refused=[replace(REFUSED, export_id="e2")])),
    ("late_close", facts(attempt(**{**CLOSED, "partition": "2025-05-06...2025-05-07"}))),
    ("provisional", facts(PROVISIONAL, attempt(**CLOSED, is_complete=True))),
    ("provisional", facts(PROVISIONAL, COVERED)),
    ("gap", facts(waiting=[replace(WAITING, covered_until=NOW - timedelta(days=3))])),
    ("minute", facts(minutes=[(SILVER, replace(MINUTE, full_id="e3"))])),
    ("silence", facts(freshness=[FRESH], last_records={SILVER: NOW})),
    ("silence", facts(freshness=[STALE], last_records={SILVER: LAST + timedelta(hours=1)})),
    ("appeared", facts(results=scores(1, 2))),
    ("vanished", facts(results=scores(1, 2).vstack(attribute("a/b", ABSENT, 1)))),
    ("unfilled", facts(results=scores(1, 2).vstack(CURRENCY))),
    ("renamed", facts()),
    ("slow", facts(attempt(run_id="r5", ago=DAY, duration_seconds=80_000.0))),
    ("unreadable", facts()),
]


def goes_on(kind: str, known: AlertFacts, now: datetime = NOW) -> bool:
    condition, table = CONDITIONS[kind]
    raised = AlertEvent(
        alert_key=f"{condition}/k",
        event=Event.RAISED,
        kind="warning",
        run_id="r9",
        job="refine",
        table=table,
        condition=condition,
        happened_at=now - timedelta(hours=1),
    )
    known = replace(known, open_alerts={condition: raised})
    return condition in standing_conditions(known, alerts_of(known, now), now)


@pytest.mark.parametrize(("kind", "known"), GOES_ON, ids=[f"{kind}-{place}" for place, (kind, _) in enumerate(GOES_ON)])
def test_what_still_is_so_or_cannot_be_told_goes_on(kind: str, known: AlertFacts) -> None:
    assert goes_on(kind, known)


@pytest.mark.parametrize(("kind", "known"), IS_OVER, ids=[f"{kind}-{place}" for place, (kind, _) in enumerate(IS_OVER)])
def test_what_has_ended_is_over(kind: str, known: AlertFacts) -> None:
    assert not goes_on(kind, known)


def test_every_kind_has_both() -> None:
    assert {kind for kind, _ in GOES_ON} == {kind for kind, _ in IS_OVER} - {"renamed"}
    assert {kind for kind, _ in IS_OVER} == set(CONDITIONS)


def test_a_condition_that_breaks_its_question_goes_on_and_the_others_are_asked() -> None:
    odd, over = f"daily_not_done/{SERVING}/2025-05-99", "refused/customers/e1/AWSDynamoDB"
    raised = {
        name: AlertEvent(alert_key=name, event=Event.RAISED, table=SERVING, condition=name, happened_at=NOW)
        for name in (odd, over)
    }
    assert standing_conditions(facts(open_alerts=raised), [], NOW) == {odd}


def test_nothing_is_over_while_facts_cannot_be_read() -> None:
    assert goes_on("stale", facts(freshness=[FRESH], unread=[Unread(what="attempts", error="no answer")]))


def test_a_run_that_cannot_be_read_keeps_what_is_about_itself_alone() -> None:
    unread = [Unread(what="run r5", error="odd")]
    assert goes_on("slow", facts(unread=unread))
    assert not goes_on("stale", facts(freshness=[FRESH], unread=unread))


def test_what_has_happened_has_no_condition() -> None:
    """A stage that took too long and has ended, and one that held too much memory."""
    held = attempt(run_id="r5", ago=DAY, duration_seconds=80_000.0, peak_memory_bytes=2**50)
    found: list[Alert] = alerts_of(facts(held), NOW)
    assert {alert.key.partition("/")[0] for alert in found} == {"slow", "memory"}
    assert [alert.condition for alert in found] == [None, None]

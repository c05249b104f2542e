"""Each rule tells what is just over its limit and nothing that is just under it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from medallion_assets.operations.alerts.delivery import Host, message
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.rules import (
    alerts_of,
    low_quality,
    refused_batch,
    stale_table,
    unreadable_facts,
)
from medallion_assets.operations.exports.waiting import WaitingBatch
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.expectation_results import UNKNOWN
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.operations.tables.pipeline_runs import Outcome
from medallion_assets.operations.unread import Unread
from medallion_assets.refining.ledger.chain import UnprotectedMinute
from medallion_assets.refining.loading.refused_batches import RefusedBatch
from medallion_assets.settings.hints import typed_in
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts, results
from medallion_assets_tests.pipeline import CATALOG

DAY = 24 * 3600.0
SERVING = ("serving.daily_sales_metrics", "serving.customer_ltv_metrics")
YESTERDAY = "2025-05-07"
MINUTE = UnprotectedMinute(
    full_id="e1",
    batch_id="e2",
    covered_until=NOW - timedelta(days=1, minutes=1),
    window_from=NOW - timedelta(days=1),
)


def test_facts_of_a_quiet_day_are_no_alert() -> None:
    assert alerts_of(AlertFacts(attempts=attempts(attempt()), catalog=CATALOG), NOW) == []
    assert alerts_of(AlertFacts(), NOW) == []


FAILED = attempt(
    run_id="r9",
    stage=SERVING[0],
    job="daily",
    ago=4000,
    outcome=Outcome.FAILED,
    error="no answer",
    error_kind="TimeoutError",
)
EVERYTHING = AlertFacts(
    attempts=attempts(
        attempt(ago=2 * DAY),
        attempt(run_id="poor", ago=20_000, records_in=1000, quality_score=0.9, duration_seconds=7201.0),
        FAILED,
        attempt(
            run_id="early",
            stage="gold.daily_sales_summary",
            ago=30_000,
            trigger="schedule",
            partition="2025-05-07",
            is_complete=False,
        ),
        attempt(run_id="late", stage=SERVING[1], ago=40_000, export_age_seconds=21_600.5),
    ),
    results=pl.concat([results(*[(1, 100)] * 5, (40, 1000)), results((7, 9), expectation="coupon", kind=UNKNOWN)]),
    freshness=[
        Freshness(table=SERVING[0], last_refreshed=None, row_count=None, sla_hours=24.0, is_stale=True),
        Freshness(table=SILVER, last_refreshed=None, row_count=None, sla_hours=24.0, is_stale=False),
    ],
    last_records={SILVER: NOW - timedelta(days=2)},
    refused=[
        RefusedBatch(
            table_name="customers",
            export_id="01746057600000-0000000a",
            prefix="",
            verdict="checksum_mismatch",
            message="md5 differs",
            fingerprint="f1",
            judged_at=NOW,
        )
    ],
    waiting=[WaitingBatch(table=SILVER, word="export", batch_id="e2", why="e2 waits", to_at=NOW - timedelta(days=1))],
    minutes=[(SILVER, MINUTE)],
    unread=[Unread(what="decisions", error="the storage did not answer")],
    days_due={DAILY: date(2025, 5, 7)},
    catalog=CATALOG,
)
RUNS = {
    "failed": {"r9"},
    "quality": {"poor"},
    "stale": {"r9"},
    "late_export": {"late"},
    "slow": {"poor"},
    "expectation": {"r1"},
    "refused": {None},
    "gap": {None},
    "unprotected_minute": {None},
    "no_new_records": {None},
    "schema_drift": {"r1"},
    "daily_not_done": {"r9", None},
    "provisional": {"early"},
    "blind": {None},
}
"""By rule, the runs that its alerts link; where no run did it, they link the UI."""


def test_every_rule_says_what_happened_where_what_to_do_and_links_the_run() -> None:
    found = alerts_of(EVERYTHING, NOW)
    runs: dict[str, set[str | None]] = {}
    for alert in found:
        runs.setdefault(alert.key.partition("/")[0], set()).add(alert.run_id)
        title, body = message(alert, host=Host(ui_url="http://ui", command_prefix="on-host"))
        assert title.startswith(f"{alert.kind.capitalize().replace('_', ' ')}: ")
        for line in (alert.what, f"Where: {alert.where}", f"What to do: {alert.do}"):
            assert typed_in(line, prefix="on-host") in body
        assert min(len(alert.what), len(alert.where), len(alert.do)) > 5
        assert body.endswith(f"Look: http://ui/runs/{alert.run_id}" if alert.run_id else "Look: http://ui")
    assert runs == RUNS


def test_an_alert_is_of_the_job_that_did_it_or_else_of_the_one_declared_for_its_table() -> None:
    """Who asked for a job hears of it also where it never ran."""
    without_runs = replace(EVERYTHING, attempts=attempts(), first_day=date(2025, 5, 1))
    worked = [replace(row, last_refreshed=NOW - timedelta(days=3)) for row in EVERYTHING.freshness]
    found = [alert for alert in alerts_of(replace(without_runs, freshness=worked), NOW) if alert.table]
    told = {alert.key.partition("/")[0] for alert in found}
    assert told == set(RUNS) - {"failed", "quality", "late_export", "slow", "provisional", "blind"}  # these need runs
    declared = {stage.table.name: stage.job for stage in stages(CATALOG)}
    assert [alert.job for alert in found] == [declared[alert.table or ""] for alert in found]
    by_hand = replace(EVERYTHING, attempts=attempts(replace(FAILED, job="by hand")))
    assert {alert.job for alert in alerts_of(by_hand, NOW) if alert.run_id == "r9"} == {"by hand"}


@pytest.mark.parametrize(("bad", "is_told"), [(0.0199, False), (0.0201, True)])
def test_quality_counts_every_record_the_same(bad: float, is_told: bool) -> None:
    """A large export outweighs small ones; what is older than 7 days, failed or was empty does not count."""
    rows = attempts(
        attempt(run_id="large", records_in=1_000_000, quality_score=1 - bad),
        attempt(run_id="small", records_in=1, quality_score=1 - bad),
        attempt(run_id="old", ago=7 * DAY + 1, records_in=1_000_000_000, quality_score=0.5),
        attempt(run_id="failed", records_in=1_000_000_000, quality_score=0.5, outcome=Outcome.FAILED),
        attempt(run_id="empty", records_in=0, quality_score=0.0),
        attempt(run_id="untold"),
    )
    alerts = list(low_quality(AlertFacts(attempts=rows, catalog=CATALOG), NOW))
    assert [alert.key for alert in alerts] == ([f"quality/{SILVER}/2025-05-08"] if is_told else [])
    if is_told:
        assert (alerts[0].kind, alerts[0].where) == ("warning", SILVER)
        assert "97.99% of the records" in alerts[0].what
        assert "98.00% of 1,000,001" in alerts[0].what
        assert f"`medallion quarantine show {SILVER.removeprefix('silver.')}`" in str(alerts[0].do)


def test_a_stale_table_is_told_once_a_day() -> None:
    """Also while it catches up: its data reach further with each export, and are too far behind still."""
    stale = Freshness(
        table="gold.customer_ltv",
        last_refreshed=NOW,
        row_count=5,
        sla_hours=24.0,
        is_stale=True,
        covered_until=NOW - timedelta(hours=25),
    )
    told = [
        list(stale_table(AlertFacts(freshness=[row]), now))
        for row, now in (
            (stale, NOW),
            (replace(stale, covered_until=NOW - timedelta(hours=24, minutes=30)), NOW + timedelta(hours=1)),
            (stale, NOW + timedelta(days=1)),
            (replace(stale, covered_until=None), NOW),
            (replace(stale, is_stale=False), NOW),
        )
    ]
    keys = [[alert.key for alert in alerts] for alerts in told]
    assert keys == [["stale/gold.customer_ltv/2025-05-08"]] * 2 + [["stale/gold.customer_ltv/2025-05-09"], keys[0], []]
    assert "found: data until 2025-05-07T14:00:00+00:00, refreshed 2025-05-08" in told[0][0].what
    assert "found: data until nothing" in told[3][0].what


def test_a_refused_export_is_told_with_its_verdict_and_again_when_its_files_change() -> None:
    refused = RefusedBatch(
        table_name="customers",
        export_id="01746057600000-0000000a",
        prefix="",
        verdict="checksum_mismatch",
        message="md5 differs; what to do: copy the file again",
        fingerprint="f1",
        judged_at=NOW,
    )
    again = replace(refused, judged_at=NOW + timedelta(hours=1))
    changed = replace(refused, fingerprint="f2")
    first, second, third = refused_batch(AlertFacts(refused=[refused, again, changed], catalog=CATALOG), NOW)
    assert first.key == second.key != third.key
    assert (first.kind, first.where) == ("failure", "bronze.customers, export 01746057600000-0000000a")
    assert "(checksum_mismatch): md5 differs; what to do: copy the file again" in first.what


def test_a_refused_month_is_told_by_the_run_that_failed_for_it_alone() -> None:
    """One cause is one alert; a run that failed for something else, or another table's, tells nothing of it."""
    refused = RefusedBatch(
        table_name="ecommerce_events",
        export_id="2019-Nov.csv@1",
        prefix="",
        verdict="header_mismatch",
        message="it has other columns",
        fingerprint="f1",
        judged_at=NOW,
    )
    failed = {"outcome": Outcome.FAILED, "export_id": refused.export_id}

    def told(**facts: Any) -> int:
        rows = attempts(attempt(**{"stage": "bronze.ecommerce_events", **failed, **facts}))
        return len(list(refused_batch(AlertFacts(refused=[refused], attempts=rows), NOW)))

    assert told() == 0
    assert told(export_id="2019-Oct.csv@1") == told(stage="silver.ecommerce_events") == told(outcome="succeeded") == 1


def test_what_cannot_be_read_is_told() -> None:
    (alert,) = unreadable_facts(AlertFacts(unread=[Unread(what="freshness", error="the storage did not answer")]), NOW)
    assert alert.key == "blind/freshness/2025-05-08"
    assert alert.what == "the alert rules cannot read freshness: the storage did not answer"

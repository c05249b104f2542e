"""An alert names a stage that took longer than its limits allow, or whose process held more memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.operations.alerts.facts import AlertFacts, RunningStage
from medallion_assets.operations.alerts.health import slow_refresh, unhealthy_run
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts
from medallion_assets_tests.pipeline import CATALOG

GIBIBYTE = 1024**3


def told(*rows: Any, running: tuple[RunningStage, ...] = ()) -> list[Alert]:
    return list(unhealthy_run(AlertFacts(attempts=attempts(*rows), running=running, catalog=CATALOG), NOW))


def keys(alerts: list[Alert]) -> list[str]:
    return [alert.key for alert in alerts]


@pytest.mark.parametrize(("seconds", "found"), [(7200.0, []), (7200.5, [f"slow/r1/{SILVER}"])])
def test_attempts_and_the_waits_between_them_count(seconds: float, found: list[str]) -> None:
    """Two attempts of a minute, the second of which ends so long after the first began."""
    first = attempt(ago=20_000, duration_seconds=60.0)
    second = attempt(attempt=2, ago=20_000 - (seconds - 60), duration_seconds=60.0)
    other_run = attempt(run_id="r2", ago=1000, duration_seconds=60.0)
    alerts = told(first, second, other_run)
    assert keys(alerts) == found
    if alerts:
        (alert,) = alerts
        assert alert.what == (f"{SILVER} took 7,200 s with attempts and waits; expected: at most 7,200 s; it has ended")
        assert (alert.kind, alert.run_id, alert.job) == ("warning", "r1", "refine")


@pytest.mark.parametrize(
    ("peak", "found"), [(None, []), (8 * GIBIBYTE, []), (8 * GIBIBYTE + 1, [f"memory/r1/{SILVER}"])]
)
def test_memory_over_the_health_rule(peak: int | None, found: list[str]) -> None:
    assert keys(told(attempt(peak_memory_bytes=peak), attempt(attempt=2, peak_memory_bytes=5))) == found


@pytest.mark.parametrize(("ago", "found"), [(7200, []), (7201, [f"slow/r1/{SILVER}"])])
def test_a_stage_at_work_is_told_of_before_it_ends(ago: float, found: list[str]) -> None:
    running = RunningStage(run_id="r1", job="refine", stage=SILVER, started_at=NOW - timedelta(seconds=ago))
    alerts = told(running=(running,))
    assert keys(alerts) == found
    assert all(alert.what.endswith("it is still running") for alert in alerts)


def test_a_stage_without_a_contract_has_no_limit() -> None:
    assert told(attempt(stage="silver.gone", ago=90_000, duration_seconds=80_000.0)) == []


STAR = Catalog((STAR_SCHEMA,))
ORDERS, MART, JOB = "bronze.orders", "gold.mart_revenue", "medallion_daily_refresh"


@pytest.mark.parametrize(("seconds", "found"), [(10_800, []), (10_801, [f"slow/r1/{JOB}"])])
def test_a_run_of_a_whole_pipeline_counts_from_its_first_stage(seconds: int, found: list[str]) -> None:
    ago = NOW - timedelta(seconds=seconds)
    first = attempt(job=JOB, stage=ORDERS, ago=seconds, duration_seconds=60.0)
    at_work = RunningStage(run_id="r1", job=JOB, stage=MART, started_at=NOW - timedelta(seconds=60))
    only = RunningStage(run_id="r1", job=JOB, stage=ORDERS, started_at=ago)
    last = attempt(job=JOB, stage=MART, ago=60, duration_seconds=60.0)
    for rows, running in (([first], (at_work,)), ([], (only,)), ([first, last], ())):
        facts = AlertFacts(attempts=attempts(*rows), running=running, catalog=STAR)
        assert keys(list(slow_refresh(facts, NOW))) == found
    other_job = AlertFacts(
        attempts=attempts(attempt(stage=ORDERS, ago=99_999, duration_seconds=9.0), last), catalog=STAR
    )
    assert list(slow_refresh(other_job, NOW)) == []

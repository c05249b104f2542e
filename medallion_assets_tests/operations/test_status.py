"""What `medallion status` says: figures of each stage, and what counts as a problem."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from medallion_assets.cli.pages.status import status_page
from medallion_assets.cli.terminal import plain
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.quality import published_scores
from medallion_assets.operations.status import Status, problems, read_status, stage_status, status_facts
from medallion_assets.operations.tables.alerts import Alert, raise_alerts
from medallion_assets.operations.tables.incident import Incident, end_incidents, record_incidents
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.operations.tables.pipeline_runs import (
    PIPELINE_RUNS,
    Outcome,
    StageAttempt,
    read_attempts,
    record_attempts,
)
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets_tests.operations import planted
from medallion_assets_tests.operations.small_lakehouse import make_lakehouse
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, declared, lakehouse_at, pipeline_with, stage_of
from medallion_assets_tests.sources.rest.shop import SHOP

NOW = datetime(2025, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = StageAttempt(
    run_id="r1",
    stage=CUSTOMER_TRANSACTIONS.name,
    attempt=1,
    started_at=NOW - HOUR,
    duration_seconds=3.0,
    outcome=Outcome.SUCCEEDED,
    records_in=100,
    records_out=90,
    records_quarantined=1,
    quality_score=0.99,
)
BAD = replace(ONE, run_id="r2", started_at=NOW - HOUR / 2, outcome=Outcome.FAILED, error="gate", records_in=None)


def attempts(lakehouse: Lakehouse, given: Iterable[StageAttempt]) -> pl.DataFrame:
    record_attempts(lakehouse, list(given))
    return read_attempts(lakehouse)


NO_SCORES = published_scores(planted.attempts(), planted.results())


def page(status: Status) -> str:
    out = io.StringIO()
    Console(file=out, width=250).print(status_page(status))
    return out.getvalue()


def test_figures_of_a_stage(empty_lakehouse: Lakehouse) -> None:
    """Durations of those that succeeded; the last attempt whatever became of it; no other stage's."""
    other = replace(ONE, stage="silver.customers", records_in=10_000)
    long = replace(
        ONE, run_id="r3", started_at=NOW - 3 * HOUR, duration_seconds=9.0, records_in=300, quality_score=0.95
    )
    slow = replace(BAD, duration_seconds=99.0)
    rows = attempts(empty_lakehouse, [ONE, long, slow, other])
    found = stage_status(stage_of(CUSTOMER_TRANSACTIONS), rows, published_scores(rows, planted.results()))
    assert found.last == slow
    assert found.is_broken
    assert (found.attempts, found.succeeded) == (3, 2)
    assert (found.median_seconds, found.longest_seconds) == (9.0, 9.0)
    assert (found.records_in, found.records_out, found.records_quarantined) == (400, 270, 3)
    assert found.quality_threshold == 0.98
    assert found.quality == pytest.approx(0.96), "300 of 400 records scored 0.95"
    assert found.is_below_threshold


def test_who_says_whose_exports_are_taken(empty_lakehouse: Lakehouse) -> None:
    """B3: the declaration, where it names an ARN; before the first export nothing does otherwise."""
    arn = "arn:aws:dynamodb:eu-west-1:222233334444:table/prod"
    named = replace(empty_lakehouse, catalog=Catalog((pipeline_with(declared(CUSTOMER_TRANSACTIONS, source_arn=arn)),)))
    told = {source.table: source.told_by for source in read_status(named, NOW).sources}
    assert told == {"bronze.customer_transactions": "its declaration", "bronze.customers": None}


def test_nobody_owns_what_comes_in_files(empty_lakehouse: Lakehouse) -> None:
    """B3 is about exports: a file names no DynamoDB table."""
    of_files = replace(empty_lakehouse, catalog=Catalog((STAR_SCHEMA,)))
    assert read_status(of_files, NOW).sources == []


def test_what_is_a_problem(empty_lakehouse: Lakehouse) -> None:
    """Stale, failed, lost; not a run that a person canceled, nor a failure that was made good."""
    stale = Freshness(table="gold.t", last_refreshed=None, row_count=0, sla_hours=24, is_stale=True)
    fresh = replace(stale, is_stale=False)
    assert problems([fresh, stale], []) == ["gold.t is stale: no data, limit 24 h; last refreshed never"]
    told = {}
    for outcome in Outcome:
        last = replace(
            ONE, run_id=outcome, started_at=NOW, outcome=outcome, error="e" * 9_000 + "; what to do: mend it"
        )
        frame = attempts(lakehouse_at(Path(empty_lakehouse.url) / outcome), [BAD, last])
        told[outcome] = problems([], [stage_status(stage_of(CUSTOMER_TRANSACTIONS), frame, NO_SCORES)])
    assert told[Outcome.SUCCEEDED] == told[Outcome.CANCELED] == []
    (lost,) = told[Outcome.LOST]
    assert lost.startswith("silver.customer_transactions: its last attempt (2025-05-08 00:00 UTC) was lost: eee")
    assert lost.endswith("eee; what to do: mend it"), "its middle is cut"
    assert len(lost) < 2_200
    assert "failed: eee" in told[Outcome.FAILED][0]


def test_a_failure_is_a_problem_until_a_success_however_long_ago_it_was(empty_lakehouse: Lakehouse) -> None:
    """Figures are of 7 days; the last attempt is of 60 days that have any, as it tells what stands still."""
    told = "silver.customer_transactions: its last attempt (2025-04-30 00:00 UTC) failed: gate"

    def told_at(now: datetime) -> list[str]:
        return [problem for problem in read_status(empty_lakehouse, now).problems if "its last attempt" in problem]

    long_ago = NOW - 8 * 24 * HOUR
    before = replace(ONE, run_id="r0", started_at=long_ago - HOUR)
    record_attempts(empty_lakehouse, [before, replace(BAD, started_at=long_ago)])
    assert told_at(NOW) == told_at(NOW + 300 * 24 * HOUR) == [told]
    assert told_at(long_ago - HOUR / 2) == [], "it had not begun then"
    (stage,) = [found for found in read_status(empty_lakehouse, NOW).stages if found.last is not None]
    assert (stage.attempts, stage.quality, stage.last) == (0, None, replace(BAD, started_at=long_ago))
    record_attempts(empty_lakehouse, [replace(ONE, run_id="r3", started_at=long_ago + HOUR)])
    assert told_at(NOW) == []


def test_a_fetch_that_fails_is_a_problem_until_it_is_done(lakehouse: Lakehouse) -> None:
    """It leaves no attempts: after a week it goes on nevertheless."""
    refused = Incident(
        run_id="r1",
        job="fetch_orders",
        stage="raw.orders",
        error="e",
        headline=f"the request is refused {'x' * 9_000}",
        failed_at=NOW - 10 * 24 * HOUR,
        raised_at=NOW,
    )

    lakehouse = replace(lakehouse, catalog=Catalog((SHOP,)))

    def told() -> list[str]:
        return [problem for problem in read_status(lakehouse, NOW).problems if ": failed " in problem]

    assert told() == []
    record_incidents(lakehouse, [refused])
    (problem,) = told()
    assert problem.startswith("raw.orders: failed (2025-04-28 00:00 UTC): the request is refused xxx")
    assert len(problem) < 2_200
    end_incidents(lakehouse, [replace(refused, ended_at=NOW)])
    assert told() == []


def test_only_seven_days_count(empty_lakehouse: Lakehouse) -> None:
    """An hour too old is too old; what begins after the moment of asking is not known yet."""
    given = [replace(ONE, run_id=f"r{age}", started_at=NOW - age * HOUR) for age in (-1, 1, 7 * 24, 7 * 24 + 1)]
    record_attempts(empty_lakehouse, given)
    (found,) = [
        stage for stage in read_status(empty_lakehouse, NOW).stages if stage.stage == CUSTOMER_TRANSACTIONS.name
    ]
    assert found.attempts == 2


def test_a_table_whose_reach_nobody_knows_is_not_said_to_be_fresh(empty_lakehouse: Lakehouse) -> None:
    fine = replace(read_status(empty_lakehouse, NOW), problems=[])
    unknown = Freshness(table="gold.t", last_refreshed=NOW, row_count=1, sla_hours=24, is_stale=False)
    fresh = replace(unknown, table="gold.u", covered_until=NOW)
    assert "every table is fresh, and no stage's" in page(replace(fine, freshness=[fresh]))
    alone, both = page(replace(fine, freshness=[unknown])), page(replace(fine, freshness=[unknown, fresh, unknown]))
    assert "how far 1 table's data reach is unknown; no stage's last" in alone
    assert "how far the data of 2 tables reach is unknown; every other table is fresh, and no stage's" in both


def test_a_lakehouse_that_is_not_there_is_a_problem(empty_lakehouse: Lakehouse) -> None:
    """And stays away; nobody is told that its tables are fresh."""
    status = read_status(empty_lakehouse, NOW)
    (problem,) = status.problems
    assert problem.startswith("the lakehouse is missing; expected: tables that the pipelines declare in ")
    assert (status.warnings, status.alerts, status.incidents) == ([], [], [])
    assert page(status).count("never refreshed") == 9
    assert "every table is fresh" not in page(status)
    assert not empty_lakehouse.exists(PIPELINE_RUNS)
    assert not Path(empty_lakehouse.url).exists()


def test_a_page_tells_everything(tmp_path: Path) -> None:
    lakehouse, now = make_lakehouse(tmp_path), datetime.now(UTC) + 27 * HOUR
    alert = Alert(key="k", kind="failure", what="the [gate] failed", where="silver", do="look at it")
    raise_alerts(lakehouse, [alert], now - HOUR)
    incident = Incident(
        run_id="r2",
        job="refine",
        stage=BAD.stage,
        error="gate",
        headline="export e9 failed",
        failed_at=now,
        raised_at=now,
    )
    record_incidents(lakehouse, [incident])
    poor = replace(ONE, started_at=now - 2 * HOUR, quality_score=0.5)
    record_attempts(lakehouse, [poor, replace(BAD, started_at=now - HOUR)])
    status = read_status(lakehouse, now)
    assert [alert["what"] for alert in status.alerts] == ["the [gate] failed"]
    assert [incident.headline for incident in status.incidents] == ["export e9 failed"]
    text = page(status)
    for words in (
        "bronze.customer_transactions@2",
        "the [gate] failed",
        "export e9 failed",
        "problem: gold.daily_sales_summary is stale: no data, limit 26 h; last refreshed never",
        "problem: silver.customer_transactions: its last attempt",
        "warning: silver.customer_transactions: 0.5000 of its records were good in 7 days, under 0.98",
    ):
        assert words in text, text


def test_json_begins_with_the_verdict(empty_lakehouse: Lakehouse) -> None:
    facts = status_facts(read_status(empty_lakehouse, NOW))
    assert next(iter(facts.items())) == ("is_well", False)
    assert {"freshness", "checkpoints", "stages", "alerts", "incidents", "problems", "warnings"} <= facts.keys()


def test_json_keeps_the_order_of_its_keys(empty_lakehouse: Lakehouse) -> None:
    """What is always there comes first, whatever the order of the columns."""
    record_attempts(empty_lakehouse, [ONE])
    facts = plain(status_facts(read_status(empty_lakehouse, NOW)))
    (stage,) = [stage for stage in facts["stages"] if stage["stage"] == ONE.stage]
    assert list(stage["last"]) == [
        *("run_id", "stage", "attempt", "started_at", "duration_seconds", "outcome"),
        *("job", "partition", "trigger", "records_in", "records_out", "records_quarantined", "quality_score"),
        *("table_version", "consumed_wcu", "target_wcu", "publishing_seconds", "covered_until"),
        *("sources_covered_until", "is_complete", "export_age_seconds", "peak_memory_bytes", "error"),
        *("error_kind", "export_id"),
    ]
    assert list(facts["checkpoints"][0]) == [
        *("pipeline", "stage", "told_by", "last_success", "watermark", "covered_until", "last_day", "waiting"),
        *("table_version", "run_id"),
    ]


def test_a_day_that_failed_and_was_not_done_since_is_a_warning(empty_lakehouse: Lakehouse) -> None:
    """The night closed another day meanwhile, so the last attempt is well; readers have old figures of the first."""
    sales, began = "gold.daily_sales_summary", NOW - 3 * HOUR
    failed = StageAttempt(
        run_id="r1",
        stage=sales,
        attempt=1,
        partition="2025-03-01",
        started_at=began,
        duration_seconds=3.0,
        outcome=Outcome.FAILED,
        error="no room",
    )
    other_day = replace(
        failed, run_id="r2", partition="2025-05-07", started_at=NOW - HOUR, outcome=Outcome.SUCCEEDED, error=None
    )
    record_attempts(empty_lakehouse, [failed, other_day])
    incident = Incident(
        run_id="r1",
        job="daily_gold_and_publish",
        stage=sales,
        partition="2025-03-01",
        error="no room",
        headline="there was no room",
        failed_at=began + HOUR,
        raised_at=began + HOUR,
    )
    record_incidents(empty_lakehouse, [incident])
    (warning,) = read_status(empty_lakehouse, NOW).warnings
    assert warning == (
        f"{sales}: what failed of 2025-03-01 (2025-05-07 22:00 UTC) has not been done since: there was no room"
    )
    again = replace(other_day, run_id="r3", partition="2025-03-01", started_at=NOW - HOUR / 2)
    record_attempts(empty_lakehouse, [again])
    assert read_status(empty_lakehouse, NOW).warnings == [], "whoever ends incidents may not have looked yet"

"""How far the data of a table reach, and when that is too far behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage
from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.operations.freshness.checkpoint import read_checkpoints
from medallion_assets.operations.freshness.freshness import KnownTable, freshness, read_freshness
from medallion_assets.operations.stages import data_tables
from medallion_assets.operations.tables import pipeline_runs
from medallion_assets.operations.tables.monitoring import PIPELINE_CHECKPOINT, Freshness, replace_rows
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES
from medallion_assets_tests.operations.small_lakehouse import AT, DAY, log_file
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at, run_gold

NOW = datetime(2025, 5, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
GOLD = KnownTable(table=DAILY_SALES_SUMMARY, freshness_hours=26, coverage=Coverage(NOW - HOUR))
SERVING = "serving.daily_sales_metrics"
PUBLISHED = StageAttempt(
    run_id="r", stage=SERVING, attempt=1, started_at=NOW - HOUR, duration_seconds=60, outcome=Outcome.SUCCEEDED
)


@pytest.mark.parametrize(("behind", "is_stale"), [(25 * HOUR, False), (26 * HOUR, False), (26 * HOUR + SECOND, True)])
def test_a_table_is_as_fresh_as_its_data_whenever_it_was_made(behind: timedelta, is_stale: bool) -> None:
    """A run that succeeds on old data leaves them old; one that was long ago leaves fresh data fresh."""
    for made_at in (NOW, NOW - 99 * HOUR):
        judged = freshness(replace(GOLD, coverage=Coverage(NOW - behind), committed_at=made_at), NOW)
        assert (judged.is_stale, judged.covered_until, judged.sla_hours) == (is_stale, NOW - behind, 26)
        assert judged.behind(NOW) == behind


def test_the_last_refresh_is_told_beside_it() -> None:
    """Counted from the later one of a commit and a success, in whole hours: no new row every few minutes."""
    at, before = NOW - 2 * HOUR - SECOND, NOW - 9 * HOUR
    for known in (
        replace(GOLD, committed_at=at, succeeded_at=before),
        replace(GOLD, committed_at=before, succeeded_at=at),
    ):
        judged = freshness(known, NOW)
        assert (judged.last_refreshed, judged.hours_since_refresh) == (at, 2)
    assert freshness(replace(GOLD, committed_at=NOW + HOUR), NOW).hours_since_refresh == 0, "a clock was set back"
    assert freshness(GOLD, NOW).hours_since_refresh is None


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (replace(GOLD, coverage=Coverage(NOW)), "fresh"),
        (replace(GOLD, coverage=Coverage(NOW - 99 * HOUR)), "stale"),
        (replace(GOLD, coverage=UNKNOWN, began_at=NOW - 9999 * HOUR), "unknown"),
        (replace(GOLD, coverage=Coverage(NOW - 9999 * HOUR), freshness_hours=None), ""),
    ],
)
def test_the_state_of_a_table_in_a_word(known: KnownTable, state: str) -> None:
    """What nobody says is neither fresh nor stale; without a limit nothing is."""
    judged = freshness(known, NOW)
    assert (judged.state, judged.is_stale) == (state, state == "stale")


@pytest.mark.parametrize(("began", "is_stale"), [(None, False), (NOW - HOUR, False), (NOW - 27 * HOUR, True)])
def test_a_table_that_covers_nothing_is_as_old_as_the_lakehouse(began: datetime | None, is_stale: bool) -> None:
    """Also one that was made: its first full export is awaited still."""
    judged = freshness(replace(GOLD, coverage=NOTHING, began_at=began, committed_at=NOW), NOW)
    assert (judged.is_stale, judged.covered_until, judged.behind(NOW)) == (is_stale, None, None)


def test_samples_are_measured_against_their_own_end() -> None:
    end = NOW - 9999 * HOUR
    sample = replace(GOLD, coverage=Coverage(end - 26 * HOUR), sample_ends_at=end)
    judged = freshness(sample, NOW)
    assert (judged.state, judged.measured_at, judged.behind(NOW)) == ("fresh", end, 26 * HOUR)
    assert freshness(replace(sample, coverage=Coverage(end - 27 * HOUR)), NOW).is_stale
    ahead = freshness(replace(sample, coverage=Coverage(NOW), sample_ends_at=NOW + HOUR), NOW)
    assert ahead.measured_at is None, "a sample of today is measured against now"


def test_every_data_table_is_told_and_none_of_operations(tmp_path: Path) -> None:
    """Looking makes no table, and before anything was loaded nothing is stale."""
    found = read_freshness(lakehouse_at(tmp_path / "nothing"), NOW)
    assert [freshness.table for freshness in found] == [table.name for table in data_tables(CATALOG)]
    assert {"bronze.customers", "silver.customers_events", "quarantine.customers", "gold.customer_ltv"} <= {
        freshness.table for freshness in found
    }
    assert not any(freshness.table.startswith("operations") for freshness in found)
    limits = {
        (freshness.table.split(".")[0], freshness.sla_hours) for freshness in found if freshness.sla_hours is not None
    }
    assert limits == {("bronze", 24), ("silver", 24), ("gold", 26), ("serving", 26)}
    assert {
        (freshness.last_refreshed, freshness.covered_until, freshness.row_count, freshness.is_stale)
        for freshness in found
    } == {(None, None, None, False)}
    assert not (tmp_path / "nothing").exists()


def test_freshness_of_real_tables(lakehouse: Lakehouse) -> None:
    """All reach as far as the exports join up; what is made again of old data is as old as before."""
    closed = date(2025, 5, 1)
    run_gold(lakehouse, [closed])
    build(lakehouse, DAILY_SALES, [closed])
    found = by_name(lakehouse, AT + 2 * DAY)
    assert found["silver.customer_transactions"].row_count == 2, "the tombstone counts"
    made = [
        name for name, freshness in found.items() if freshness.sla_hours is not None and not name.startswith("serving")
    ]
    assert {found[name].covered_until for name in made} == {AT + DAY}
    assert not any(freshness.is_stale for freshness in found.values())
    later = AT + 3 * DAY + HOUR
    build(lakehouse, DAILY_SALES, [closed])
    assert sorted(name for name, freshness in by_name(lakehouse, later).items() if freshness.is_stale) == sorted(made)


def test_gold_reaches_to_the_end_of_the_last_day_that_was_built(lakehouse: Lakehouse) -> None:
    """The sales of 7 March are built, exports reach until 2 May; building an older day takes nothing back."""
    run_gold(lakehouse)
    end_of_day = datetime(2025, 3, 8, 8, tzinfo=UTC)
    assert by_name(lakehouse, NOW)["gold.daily_sales_summary"].covered_until == end_of_day
    run_gold(lakehouse, [date(2025, 3, 6), date(2025, 5, 1)])
    assert by_name(lakehouse, NOW)["gold.customer_ltv"].covered_until == AT + DAY, "as of 1 May, which is not over"


def test_serving_reaches_as_far_as_any_publish_did(lakehouse: Lakehouse) -> None:
    """Publishing an old day again takes nothing back; an attempt that failed says nothing."""
    published = replace(PUBLISHED, covered_until=NOW - 27 * HOUR)
    record_attempts(lakehouse, [published])
    assert by_name(lakehouse, NOW)[SERVING].state == "stale"
    further = replace(published, run_id="r2", covered_until=NOW - 2 * HOUR)
    record_attempts(lakehouse, [replace(further, outcome=Outcome.FAILED)])
    assert by_name(lakehouse, NOW)[SERVING].state == "stale"
    record_attempts(lakehouse, [replace(further, run_id="r3"), replace(published, run_id="r4", started_at=NOW)])
    assert by_name(lakehouse, NOW)[SERVING].covered_until == NOW - 2 * HOUR
    old_release = replace(published, stage="serving.customer_ltv_metrics", covered_until=None)
    record_attempts(lakehouse, [old_release])
    assert by_name(lakehouse, NOW + 9999 * HOUR)["serving.customer_ltv_metrics"].state == "unknown"


@pytest.mark.parametrize("until", [NOW - 27 * HOUR, None])
def test_what_was_published_longer_ago_than_anybody_reads_is_as_the_monitor_kept_it(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, until: datetime | None
) -> None:
    """However often it is kept again; a table that was never published still was not."""
    published = replace(PUBLISHED, covered_until=until, partition="2025-05-01")
    record_attempts(lakehouse, [published])
    before = by_name(lakehouse, NOW), read_checkpoints(lakehouse)
    monkeypatch.setattr(pipeline_runs, "_days_back", lambda *_, **__: iter(()))  # all of it is too old
    for _ in range(2):
        replace_rows(lakehouse, PIPELINE_CHECKPOINT, before[1])
        assert (by_name(lakehouse, NOW), read_checkpoints(lakehouse)) == before
    never = before[0]["serving.customer_ltv_metrics"]
    assert (before[0][SERVING].state, never.never) == ("stale" if until else "unknown", "never refreshed")
    log_file(lakehouse, PIPELINE_CHECKPOINT, 0).write_text("{")
    assert by_name(lakehouse, NOW)[SERVING].never == "never refreshed", "what is not kept is not known"


def test_a_lakehouse_of_samples_is_not_stale_for_their_age(lakehouse: Lakehouse) -> None:
    mark_as_sample(lakehouse, now=NOW, note="a sample")
    found = by_name(lakehouse, NOW + 999 * DAY)
    assert (found["silver.customers"].state, found["silver.customers"].measured_at) == ("fresh", AT + DAY)


def by_name(lakehouse: Lakehouse, now: datetime) -> dict[str, Freshness]:
    return {freshness.table: freshness for freshness in read_freshness(lakehouse, now)}

"""Schedules: cron lines from settings, and a nightly close that fits days of 23 and 25 hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from medallion_assets.contracts.moments import business_day, last_business_day
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.closing.daily import closed_days
from medallion_assets.orchestration.jobs import CATCH_UP_PRIORITY, INGEST, LIVE_PRIORITY, REFINE
from medallion_assets.orchestration.partitions import business_days
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.schedules import schedules
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.settings import load_settings
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.sensors.restated_days import assets_of, days_of
from medallion_assets_tests.pipeline import CATALOG, PUBLISHED_TABLES

SETTINGS = load_settings({})
PAIRS = [[f"{table.layer}/{table.short_name}" for table in pair] for pair in PUBLISHED_TABLES]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster of the test's own; a schedule takes none that is in memory."""
    with instance_on_disk() as made:
        yield made


def nightly(**changes: Any) -> dg.ScheduleDefinition:
    settings = replace(SETTINGS, **changes)
    (schedule,) = [schedule for schedule in schedules(settings, CATALOG) if schedule.job_name == DAILY]
    return schedule


def tick(instance: dg.DagsterInstance, at: datetime, **changes: Any) -> list[dg.RunRequest]:
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at)
    return list(nightly(**changes).evaluate_tick(context).run_requests or ())


def ticks(schedule: dg.ScheduleDefinition, start: date, end: date) -> list[datetime]:
    """When a schedule is due from the noon of one day to that of another."""
    first, last = (datetime.combine(day, time(12), ZoneInfo(BUSINESS_TIME_ZONE)) for day in (start, end))
    due = schedule_execution_time_iterator(first.timestamp(), schedule.cron_schedule, schedule.execution_timezone)
    return list(takewhile(lambda moment: moment < last, due))


@pytest.mark.parametrize(("day", "hours"), [(date(2025, 3, 9), 23), (date(2025, 11, 2), 25), (date(2025, 6, 1), 24)])
def test_every_day_is_closed_once_also_when_clocks_change(day: date, hours: int) -> None:
    """T5: 01:00 comes twice on 2 November; each tick closes the whole day before."""
    week = [day + timedelta(days=number) for number in range(-3, 4)]
    due = ticks(nightly(), week[0], week[-1] + timedelta(days=1))
    assert [last_business_day(moment) for moment in due] == week
    start, end = business_days(SETTINGS.first_day).time_window_for_partition_key(str(day))
    assert (end.timestamp() - start.timestamp()) / 3600 == hours
    assert due[3].timestamp() >= end.timestamp()


def test_a_tick_asks_for_yesterday_in_one_run_a_gold_table(instance: dg.DagsterInstance) -> None:
    """So they run in parallel. A tick that is evaluated again asks under the same keys, which all differ."""
    due = datetime(2025, 3, 10, 1, tzinfo=ZoneInfo(BUSINESS_TIME_ZONE))
    requests = tick(instance, due)
    assert [assets_of(request) for request in requests] == PAIRS
    assert [days_of(request) for request in requests] == [[date(2025, 3, 9)]] * 2
    assert {request.tags["dagster/priority"] for request in requests} == {str(LIVE_PRIORITY)}
    assert {request.tags["medallion/trigger"] for request in requests} == {"schedule"}
    keys = [request.run_key for request in requests]
    assert [request.run_key for request in tick(instance, due)] == keys
    assert len(set(keys)) == len(keys)


def test_nothing_is_closed_before_the_first_day(instance: dg.DagsterInstance) -> None:
    due = datetime.combine(SETTINGS.first_day, time(1), ZoneInfo(BUSINESS_TIME_ZONE))
    assert tick(instance, due) == []
    assert len(tick(instance, due + timedelta(days=1))) == 2


def published(instance: dg.DagsterInstance, *days: date) -> None:
    for _, serving in PUBLISHED_TABLES:
        for day in days:
            instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(serving), partition=str(day)))


def test_days_that_nobody_closed_are_closed_or_skipped_as_settings_say(
    instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """Published before it had ended is not closed; contiguous days are one run, which lets live work go first."""
    today = business_day(datetime.now(UTC))
    days = [today + timedelta(days=number) for number in range(-6, 5)]
    tomorrow = days[7]  # has not ended either, and does not while this test runs, as today may
    published(instance, days[0], days[3], tomorrow)
    due = datetime.combine(days[-1], time(1), ZoneInfo(BUSINESS_TIME_ZONE))
    requests = tick(instance, due)
    sales = [request for request in requests if assets_of(request) == PAIRS[0]]
    assert [days_of(request) for request in sales] == [[days[-2]], days[1:3], days[4:-2]]
    assert [request.tags["dagster/priority"] for request in sales] == [
        str(LIVE_PRIORITY),
        str(CATCH_UP_PRIORITY),
        str(CATCH_UP_PRIORITY),
    ]
    assert len(requests) == len({request.run_key for request in requests}) == 6
    skipping = tick(instance, due, closes_missed_days=False)
    assert [days_of(request) for request in skipping] == [[days[-2]]] * 2
    assert f"not closed: {days[1]}, {days[2]}" in capfd.readouterr().err


@pytest.mark.parametrize(("began_at", "closed"), [("2025-11-03T07:59:59Z", False), ("2025-11-03T08:00:00Z", True)])
def test_a_day_is_closed_by_a_run_that_began_after_it_had_ended(began_at: str, closed: bool) -> None:
    """What a run read that began within the 25 hours of 2 November may lack the last sales."""
    day, began = date(2025, 11, 2), datetime.fromisoformat(began_at).timestamp()
    record = SimpleNamespace(run_id="r", timestamp=began + 600)
    stub: Any = SimpleNamespace(
        fetch_materializations=lambda *_, **__: SimpleNamespace(records=[record]),
        get_run_records=lambda *_, **__: [SimpleNamespace(start_time=began)],
    )
    assert closed_days(stub, SALES_METRICS.table, [day]) == ({day} if closed else set())


def test_any_job_takes_cron_lines_with_a_time_zone() -> None:
    lines = {REFINE: ("0 */6 * * *",), INGEST: ("*/15 * * * *", "0 9 * * 1"), DAILY: ()}
    made = {
        schedule.job_name: schedule
        for schedule in schedules(replace(SETTINGS, schedules=lines, schedule_time_zone="UTC"), CATALOG)
    }
    assert set(made) == {REFINE, INGEST}
    assert list(made[INGEST].cron_schedule) == ["*/15 * * * *", "0 9 * * 1"]
    assert {schedule.execution_timezone for schedule in made.values()} == {"UTC"}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ({"refin": ("0 1 * * *",)}, "refin"),
        ({REFINE: ("hourly",)}, "hourly"),
        ({REFINE: ("0 1 * * *", "61 * * * *")}, "61 * * * *"),
        ({REFINE: ("0 0 31 2 *",)}, "0 0 31 2 *"),
        ({DAILY: ("0 25 * * *",)}, "0 25 * * *"),
    ],
)
def test_schedules_that_make_no_sense_are_refused_at_start(lines: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(SettingsError, match="MEDALLION_SCHEDULES") as error:
        schedules(replace(SETTINGS, schedules=lines), CATALOG)
    assert told in str(error.value.found)

"""What was to be closed by now, as the cron lines of days, months and models say."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import last_business_day
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.orchestration.closing.lines import days_due, last_due
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.settings import load_settings

ZONE = ZoneInfo(BUSINESS_TIME_ZONE)
WEDNESDAY = date(2025, 5, 7)


def due(*cron_lines: str, day: date = WEDNESDAY, at: str = "06:00", zone: str = BUSINESS_TIME_ZONE) -> date | None:
    """What is due at a moment (business zone) of a day, where everything is to be done by 06:00."""
    tick = last_due(cron_lines, zone, time(6), datetime.combine(day, time.fromisoformat(at), ZONE))
    return None if tick is None else last_business_day(tick)


@pytest.mark.parametrize(
    ("at", "expected"), [("05:59:59", None), ("06:00", date(2025, 5, 6)), ("23:59", date(2025, 5, 6))]
)
def test_yesterday_is_due_from_the_set_time_on(at: str, expected: date | None) -> None:
    assert due("0 1 * * *", at=at) == expected


def test_a_weekly_close_is_due_on_its_day_alone() -> None:
    """Nobody is told on the other six days that nothing was done."""
    days = [date(2025, 5, 5) + timedelta(days=number) for number in range(7)]
    assert [due("0 1 * * 3", day=day) for day in days] == [None, None, date(2025, 5, 6), None, None, None, None]


@pytest.mark.parametrize("day", [date(2025, 3, 9), date(2025, 3, 10), date(2025, 11, 2), date(2025, 11, 3)])
@pytest.mark.parametrize("line", ["30 1 * * *", "*/20 0-3 * * *", "@daily"])
def test_a_close_is_due_on_days_on_which_clocks_change(day: date, line: str) -> None:
    assert due(line, day=day) == day - timedelta(days=1)
    assert due("0 1 1 1 *", day=day) is None


def test_a_close_after_the_set_time_is_due_by_that_of_the_next_day() -> None:
    assert due("0 7 * * *", at="08:00") == date(2025, 5, 5)  # Tuesday's tick closed Monday
    assert due("0 6 * * *") == date(2025, 5, 6)  # at the set time is in time


def test_the_last_of_several_lines_counts_and_none_is_never_due() -> None:
    assert due("0 7 * * *", "0 2 * * *") == date(2025, 5, 6)
    assert due("0 * * * *", at="12:30") == date(2025, 5, 6)
    assert due() is None


def test_cron_lines_are_read_in_their_own_zone() -> None:
    """07:00 UTC is midnight in Los Angeles; 06:59 is before it, and closes the day before."""
    assert due("0 7 * * *", zone="UTC") == date(2025, 5, 6)
    assert due("59 6 * * *", zone="UTC") == date(2025, 5, 5)


@pytest.mark.parametrize("day", [date(2025, 3, 9), date(2025, 3, 10), date(2025, 11, 2), date(2025, 11, 3)])
def test_the_day_before_is_due_when_clocks_change(day: date) -> None:
    assert due("0 1 * * *", day=day) == day - timedelta(days=1)


@pytest.mark.parametrize(("zone", "line"), [("Pacific/Honolulu", "0 8 * * *"), ("America/Anchorage", "30 8 * * *")])
def test_a_close_that_was_due_west_of_the_business_zone_counts(zone: str, line: str) -> None:
    """Its clock shows an earlier time than that of the business zone."""
    now = datetime(2026, 11, 26, 18, tzinfo=UTC)
    tick = last_due([line], zone, time(9), now)
    assert tick is not None
    assert last_business_day(tick) == date(2026, 11, 24)


def due_jobs(home: Path, now: str, **settings: str) -> dict[str, date]:
    """By job, what was to be closed at a moment (business zone)."""
    catalog = Catalog((ECOMMERCE, STAR_SCHEMA))
    moment = datetime.fromisoformat(now).replace(tzinfo=ZONE)
    return days_due(catalog, load_settings({"MEDALLION_HOME": str(home), **settings}), moment)


def test_a_month_is_due_for_a_week_after_its_tick(tmp_path: Path) -> None:
    """On the 2nd at 04:00, to be done by 06:00; later its attempts are not known any more."""
    found = [
        due_jobs(tmp_path, now).get("ecommerce_month")
        for now in ("2020-01-02T05:59", "2020-01-02T06:00", "2020-01-05T01:00", "2020-01-09T05:59", "2020-01-09T06:00")
    ]
    assert found == [None, *[date(2019, 12, 1)] * 3, None]
    assert "ecommerce_month" not in due_jobs(tmp_path, "2019-10-02T07:00")  # September is before the first month


def test_models_are_due_by_the_last_tick_of_either_job(tmp_path: Path) -> None:
    """03:00 UTC is in the evening of the day before."""
    assert due_jobs(tmp_path, "2025-05-07T06:00")["medallion_dbt"] == date(2025, 5, 5)
    later = '{"medallion_dbt": "0 2 * * *", "medallion_daily_refresh": []}'
    assert due_jobs(tmp_path, "2025-05-07T06:00", MEDALLION_SCHEDULES=later)["medallion_dbt"] == date(2025, 5, 6)
    never = '{"medallion_daily_refresh": []}'
    assert "medallion_dbt" not in due_jobs(tmp_path, "2025-05-07T06:00", MEDALLION_SCHEDULES=never)

"""Which days a nightly tick closes: yesterday, and those that nobody closed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.orchestration.daily_close import day_due, day_to_close, days_before

DAY = date(2025, 3, 9)


@pytest.mark.parametrize(
    ("scheduled_at", "day"),
    [
        ("2025-03-09T01:00:00-08:00", date(2025, 3, 8)),
        ("2025-03-10T01:00:00-07:00", date(2025, 3, 9)),
        ("2025-11-02T01:00:00-07:00", date(2025, 11, 1)),
        ("2025-11-03T01:00:00-08:00", date(2025, 11, 2)),
        ("2025-01-10T07:59:00+00:00", date(2025, 1, 8)),
        ("2025-01-10T08:00:00+00:00", date(2025, 1, 9)),
    ],
)
def test_a_tick_closes_the_business_day_before_its_own(scheduled_at: str, day: date) -> None:
    """T5: also around the two days on which clocks change, and when the schedule's zone is another."""
    moment = datetime.fromisoformat(scheduled_at)
    assert day_to_close(moment) == day
    assert day_to_close(moment.astimezone(ZoneInfo(BUSINESS_TIME_ZONE))) == day


def test_days_since_the_first_publish_may_have_been_missed() -> None:
    days = [DAY - timedelta(days=number) for number in (4, 3, 2, 1)]
    assert days_before(DAY, first=days[0]) == days
    assert days_before(DAY, first=days[0], limit=3) == days[1:]


def test_a_fresh_lakehouse_has_missed_nothing() -> None:
    """Its past is restated days; hundreds of empty ones are nobody's work."""
    assert days_before(DAY, first=None) == []
    assert days_before(DAY, first=DAY) == []
    assert len(days_before(DAY, first=date(2020, 1, 1))) == 31


ZONE = ZoneInfo(BUSINESS_TIME_ZONE)
WEDNESDAY = date(2025, 5, 7)


def due(*cron_lines: str, day: date = WEDNESDAY, at: str = "06:00", zone: str = BUSINESS_TIME_ZONE) -> date | None:
    """What is due at a moment (business zone) of a day, where everything is to be done by 06:00."""
    return day_due(cron_lines, zone, time(6), datetime.combine(day, time.fromisoformat(at), ZONE))


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
    assert day_due([line], zone, time(9), now) == date(2026, 11, 24)

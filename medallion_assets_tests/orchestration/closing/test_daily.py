"""Which days a nightly tick closes: yesterday, and those that nobody closed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from medallion_assets.contracts.moments import last_business_day
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.orchestration.closing.daily import days_before

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
    assert last_business_day(moment) == day
    assert last_business_day(moment.astimezone(ZoneInfo(BUSINESS_TIME_ZONE))) == day


def test_days_since_the_first_publish_may_have_been_missed() -> None:
    days = [DAY - timedelta(days=number) for number in (4, 3, 2, 1)]
    assert days_before(DAY, first=days[0]) == days
    assert days_before(DAY, first=days[0], limit=3) == days[1:]


def test_a_fresh_lakehouse_has_missed_nothing() -> None:
    """Its past is restated days; hundreds of empty ones are nobody's work."""
    assert days_before(DAY, first=None) == []
    assert days_before(DAY, first=DAY) == []
    assert len(days_before(DAY, first=date(2020, 1, 1))) == 31

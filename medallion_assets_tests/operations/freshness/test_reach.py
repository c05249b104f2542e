"""Reach: a day is complete once data reach its end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from medallion_assets.contracts.moments import end_of_business_day, last_business_day
from medallion_assets.operations.freshness.reach import is_provisional

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""Midnight of 2 March in Los Angeles."""


@pytest.mark.parametrize(
    ("day", "covered_until", "provisional"),
    [
        (date(2026, 3, 1), AT, False),
        (date(2026, 3, 1), AT - timedelta(seconds=1), True),
        (date(2026, 3, 2), AT, True),
        (date(2026, 3, 1), None, None),
    ],
)
def test_a_day_is_provisional_until_data_reach_its_end(
    day: date, covered_until: datetime | None, provisional: bool | None
) -> None:
    assert is_provisional(end_of_business_day(day), covered_until) is provisional


@pytest.mark.parametrize(
    ("covered_until", "day"), [(AT, date(2026, 3, 1)), (AT - timedelta(seconds=1), date(2026, 2, 28))]
)
def test_the_last_complete_day_is_no_provisional_one(covered_until: datetime, day: date) -> None:
    assert last_business_day(covered_until) == day
    assert not is_provisional(end_of_business_day(day), covered_until)
    assert is_provisional(end_of_business_day(day + timedelta(days=1)), covered_until)

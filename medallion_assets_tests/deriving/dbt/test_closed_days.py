"""Rule V6: which days a build of dbt models closes, and whether it is complete; days are those of Los Angeles."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage
from medallion_assets.deriving.dbt.closed_days import MOST_DAYS, closed_days, is_complete

BEGAN = datetime(2025, 5, 8, 10, tzinfo=UTC)
"""03:00 on the 8th."""
OVER = datetime(2025, 5, 8, 7, tzinfo=UTC)
"""The end of the 7th."""
INSTANT = timedelta(microseconds=1)


def test_a_build_is_complete_when_its_sources_cover_the_last_day_that_was_over() -> None:
    """The day that goes on does not count, also a moment before it is over."""
    assert is_complete(Coverage(OVER), BEGAN)
    assert is_complete(Coverage(OVER - INSTANT), BEGAN) is False
    assert is_complete(Coverage(OVER - timedelta(days=1)), OVER - INSTANT)
    assert is_complete(NOTHING, BEGAN) is False
    assert is_complete(UNKNOWN, BEGAN) is None


def test_the_days_before_it_are_named_that_are_not_covered_either() -> None:
    assert closed_days(Coverage(OVER), BEGAN) == {date(2025, 5, 7): OVER}
    late = closed_days(Coverage(OVER - timedelta(days=1) - INSTANT), BEGAN)
    assert list(late) == [date(2025, 5, 6), date(2025, 5, 7)]
    assert len(closed_days(Coverage(datetime(2020, 1, 1, tzinfo=UTC)), BEGAN)) == MOST_DAYS
    assert list(closed_days(NOTHING, BEGAN)) == list(closed_days(UNKNOWN, BEGAN)) == [date(2025, 5, 7)]

"""Which restated days go together: recent ones in one run, older ones in one for each year."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from medallion_assets.triggers.restated.batches import batches, days_apart
from medallion_assets.triggers.restated.days import RestatedRange

NEWEST = date(2025, 3, 31)
MARCH = RestatedRange(first=date(2025, 3, 1), last=date(2025, 3, 2), version=3, builds=True, publishes=True)


def days(month: int, day: int, year: int = 2025) -> RestatedRange:
    return replace(MARCH, first=date(year, month, day), last=date(year, month, day), version=2)


def test_recent_days_are_live_and_older_ones_are_together_by_year() -> None:
    found = batches([days(12, 1, 2023), days(2, 28), days(1, 1), MARCH, days(3, 30), days(12, 31, 2024)], newest=NEWEST)
    assert [(batch.is_live, [part.first for part in batch.ranges]) for batch in found] == [
        (True, [date(2025, 3, 30), date(2025, 3, 1)]),
        (False, [date(2025, 2, 28), date(2025, 1, 1)]),
        (False, [date(2024, 12, 31)]),
        (False, [date(2023, 12, 1)]),
    ]
    assert found[0].days == [date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 30)]
    assert found[0].version == 3


def test_a_long_day_range_is_never_taken_apart() -> None:
    """The first build of everything is one run."""
    (whole,) = batches([replace(MARCH, first=date(2023, 1, 1), last=NEWEST)], newest=NEWEST)
    assert not whole.is_live
    assert len(whole.days) == 821


def test_what_is_only_published_or_never_shown_is_asked_for_by_itself() -> None:
    other = (replace(days(3, 10), builds=False), replace(days(3, 20), publishes=False))
    assert [batch.ranges for batch in batches([MARCH, *other], newest=NEWEST)] == [(other[1],), (other[0],), (MARCH,)]


def test_days_apart_lose_no_day() -> None:
    first, second = days_apart(MARCH)
    assert (first, second) == (replace(MARCH, last=MARCH.first), replace(MARCH, first=MARCH.last))

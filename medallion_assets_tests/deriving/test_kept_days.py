"""Which partitions a restated day touches, and which are kept (rule G5)."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.deriving.kept_days import housekeeping, kept_as_of_days, missing_as_of_days

GREATEST = date(2025, 5, 10)


def test_the_greatest_day_the_35_before_it_and_month_ends_are_kept() -> None:
    """Rule G5: 5 April is 35 days before 10 May, 4 April is 36."""
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2025, 3, 31), date(2025, 4, 4), date(2025, 4, 5)]
    days += [GREATEST, GREATEST + timedelta(days=1), date(2025, 5, 31)]
    kept = (date(2024, 2, 29), date(2025, 3, 31), date(2025, 4, 5), GREATEST)
    assert kept_as_of_days(days, GREATEST) == kept
    assert housekeeping(days, GREATEST) == tuple(day for day in days if day not in kept)
    assert kept_as_of_days(days, GREATEST, keep_days=36) == (*kept[:2], date(2025, 4, 4), *kept[2:])


def test_a_table_whose_source_lost_its_last_day_keeps_nothing_after_it() -> None:
    """Rule G5: without any row nothing is kept."""
    gone = GREATEST + timedelta(days=1)
    assert housekeeping([GREATEST, gone], GREATEST) == (gone,)
    assert housekeeping([GREATEST], None) == (GREATEST,)
    assert missing_as_of_days([], GREATEST, None) == ()


def test_days_that_the_greatest_day_jumped_over_are_missing() -> None:
    """Rules G5 and K4: 9 May has no sales; its as-of day is kept all the same."""
    assert missing_as_of_days([date(2025, 5, 8), GREATEST], date(2025, 5, 8), GREATEST) == (date(2025, 5, 9),)


EPOCH = date(2025, 1, 1)
days_of_silver = st.sets(st.integers(0, 120).map(lambda number: EPOCH + timedelta(days=number)), min_size=1, max_size=6)


@given(st.lists(days_of_silver, min_size=1, max_size=6))
def test_any_way_to_the_same_silver_leaves_the_same_as_of_days(states: list[set[date]]) -> None:
    """Rules K4 and G5: Silver's days come and go; in the end each kept as-of day was computed from the last state."""
    computed: dict[date, set[date]] = {}
    before: set[date] = set()
    for present in states:
        greatest = max(present)
        touched = before ^ present
        later = {day for day in map(EPOCH.__add__, map(timedelta, range(121))) if touched and day >= min(touched)}
        wanted = set(kept_as_of_days(later, greatest))
        wanted |= set(missing_as_of_days(computed, min(present), greatest))
        computed |= {as_of: {day for day in present if day <= as_of} for as_of in wanted}
        for as_of in housekeeping(computed, greatest):
            del computed[as_of]
        before = present
    first, greatest = min(before), max(before)
    every_day = [EPOCH + timedelta(days=number) for number in range(121)]
    assert {as_of: days for as_of, days in computed.items() if days} == {
        as_of: {day for day in before if day <= as_of}
        for as_of in kept_as_of_days(every_day, greatest)
        if as_of >= first
    }

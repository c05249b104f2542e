"""Restated days: what to ask for of those that Gold lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from medallion_assets.deriving.day_ledger import DayLedger, DayPublished, GoldBuild, SilverChange, advance, to_publish
from medallion_assets.triggers.restated.days import RestatedRange, restated_ranges

DAY = date(2025, 3, 9)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


SALES = DayLedger(as_of=False, first_day=day(0), greatest_day=day(3))
LTV = replace(SALES, as_of=True)


def asked(ledger: DayLedger, *, first: date = date(2025, 1, 1), last: date = date(2025, 12, 31)) -> list[RestatedRange]:
    return restated_ranges(ledger, first=first, last=last)


def test_only_recent_days_and_month_ends_are_kept_as_of() -> None:
    """G5: 28 February is 40 days before the greatest day."""
    ledger = replace(LTV, first_day=date(2025, 2, 10), greatest_day=date(2025, 4, 9))
    ledger = advance(ledger, silver_changes=[SilverChange(version=1, days=[date(2025, 2, 10)])])
    assert [day_range.first for day_range in asked(ledger)] == [date(2025, 3, 5), date(2025, 2, 28)]
    assert [day_range.publishes for day_range in asked(ledger)] == [True, False]


def test_a_published_as_of_day_after_the_greatest_is_kept_up_to_date() -> None:
    """P2: nothing lower would reach readers, so what they have must follow Silver, though Gold does not keep it."""
    closed = GoldBuild(version=1, source_version=1, replaced=[day(number) for number in range(6)])
    ledger = advance(
        LTV,
        silver_changes=[SilverChange(version=1, days=[day(0)])],
        gold_builds=[closed],
        publishes=[DayPublished(day=day(5), version=1)],
    )
    removing = GoldBuild(version=2, source_version=1, replaced=[], removed=[day(4), day(5)])
    ledger = advance(ledger, gold_builds=[removing])
    assert asked(ledger) == []
    ledger = advance(ledger, silver_changes=[SilverChange(version=2, days=[day(3)])])
    assert asked(ledger) == [
        RestatedRange(first=day(5), last=day(5), version=2, builds=True, publishes=True),
        RestatedRange(first=day(3), last=day(3), version=2, builds=True, publishes=False),
    ]


def test_a_day_is_published_once_for_the_commit_that_built_it() -> None:
    """Later commits of Gold touch other days: that its version grew means nothing for this one."""
    built = [GoldBuild(version=number + 1, source_version=1, replaced=[day(number)]) for number in range(2)]
    ledger = advance(SALES, gold_builds=built)
    assert to_publish(ledger) == {day(0): 1, day(1): 2}
    ledger = advance(ledger, publishes=[DayPublished(day=day(0), version=1), DayPublished(day=day(1), version=1)])
    assert to_publish(ledger) == {day(1): 2}
    assert asked(ledger) == [RestatedRange(first=day(1), last=day(1), version=2, builds=False, publishes=True)]


def test_contiguous_days_are_one_day_range_and_the_latest_comes_first() -> None:
    ledger = advance(
        SALES,
        silver_changes=[SilverChange(version=3, days=[day(0), day(1)]), SilverChange(version=4, days=[day(3)])],
        gold_builds=[GoldBuild(version=1, source_version=4, replaced=[day(2)])],
    )
    assert asked(ledger) == [
        RestatedRange(first=day(3), last=day(3), version=4, builds=True, publishes=True),
        RestatedRange(first=day(2), last=day(2), version=1, builds=False, publishes=True),
        RestatedRange(first=day(0), last=day(1), version=3, builds=True, publishes=True),
    ]


def test_days_that_need_other_versions_are_other_day_ranges() -> None:
    """A day that changes every minute does not make another one of the day before."""
    changes = [SilverChange(version=3, days=[day(0), day(1), day(2)]), SilverChange(version=4, days=[day(2)])]
    ledger = advance(SALES, silver_changes=changes)
    assert [(day_range.first, day_range.last, day_range.version) for day_range in asked(ledger)] == [
        (day(2), day(2), 4),
        (day(0), day(1), 3),
    ]


def test_recent_days_and_older_ones_are_never_one_day_range() -> None:
    """Today would wait until all others are done; of as-of days the part with the greatest alone is shown."""
    for ledger, shown in ((SALES, [True, True]), (LTV, [True, False])):
        restated = advance(ledger, silver_changes=[SilverChange(version=1, days=[day(number) for number in range(4)])])
        found = restated_ranges(restated, first=day(0), last=day(3), live_from=day(2))
        assert [(day_range.first, day_range.last) for day_range in found] == [(day(2), day(3)), (day(0), day(1))]
        assert [day_range.publishes for day_range in found] == shown


def test_days_that_are_no_partition_wait() -> None:
    """Before the first day of the settings, and after today in the business zone."""
    ledger = advance(SALES, silver_changes=[SilverChange(version=1, days=[day(number) for number in range(4)])])
    (day_range,) = asked(ledger, first=day(1), last=day(2))
    assert (day_range.first, day_range.last) == (day(1), day(2))
    (later,) = asked(ledger, first=day(1), last=day(3))
    assert (later.first, later.last) == (day(1), day(3))

"""Which days Gold lacks, from what the logs say; batches and order of reading do not matter (rules G5, K4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.deriving.day_ledger import (
    DayLedger,
    DayPublished,
    GoldBuild,
    SilverChange,
    advance,
    restated_at,
    settled_days,
    to_build,
    to_publish,
)
from medallion_assets.deriving.kept_days import kept_as_of_days

DAY = date(2025, 3, 9)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


SALES = DayLedger(as_of=False, first_day=day(0), greatest_day=day(3))
LTV = replace(SALES, as_of=True)


def test_a_restated_day_is_built_from_that_version_or_a_later_one() -> None:
    """G5: an older build that was committed after the change does not count."""
    ledger = advance(SALES, silver_changes=[SilverChange(version=7, days=[day(0), day(1)])])
    assert to_build(ledger) == {day(0): 7, day(1): 7}
    ledger = advance(ledger, gold_builds=[GoldBuild(version=1, source_version=6, replaced=[day(0), day(1)])])
    assert to_build(ledger) == {day(0): 7, day(1): 7}
    ledger = advance(ledger, gold_builds=[GoldBuild(version=2, source_version=8, replaced=[day(1)])])
    assert to_build(ledger) == {day(0): 7}


def test_a_restated_day_touches_every_kept_as_of_day_from_it_on() -> None:
    """G5: as of earlier days nothing changed."""
    built = GoldBuild(version=1, source_version=1, replaced=[day(number) for number in range(4)])
    ledger = advance(LTV, silver_changes=[SilverChange(version=1, days=[day(0)])], gold_builds=[built])
    assert to_build(ledger) == {}
    ledger = advance(ledger, silver_changes=[SilverChange(version=2, days=[day(2)])])
    assert to_build(ledger) == {day(2): 2, day(3): 2}


def test_kept_as_of_days_that_were_never_built_are_built() -> None:
    """K4: the greatest day jumped over days without sales; what was removed and is kept again counts as never built."""
    restated = SilverChange(version=1, days=[day(0), day(3)])
    built = GoldBuild(version=1, source_version=1, replaced=[day(0), day(1), day(3)])
    removed = GoldBuild(version=2, source_version=1, replaced=[], removed=[day(1)])
    ledger = advance(LTV, silver_changes=[restated], gold_builds=[built, removed])
    assert to_build(ledger) == {day(1): 1, day(2): 1}


def test_a_day_is_settled_until_it_is_to_be_built_or_removed() -> None:
    """What is held and no log speaks of any more is settled as well; as of a day that is not kept nothing is."""
    days = [day(0), day(1), day(2)]
    build = GoldBuild(version=1, source_version=1, replaced=days[1:])
    ledger = advance(SALES, silver_changes=[SilverChange(version=2, days=[day(2)])], gold_builds=[build])
    assert settled_days(ledger, days) == [day(0), day(1)]
    late = replace(LTV, greatest_day=day(40))
    built = [day(0), day(22), day(30), day(41)]  # the 9th is too old, the 31st ends its month, the last is to come
    ledger = advance(late, gold_builds=[GoldBuild(version=1, source_version=1, replaced=built)])
    assert settled_days(ledger, []) == [day(22), day(30)]


def test_of_as_of_days_the_greatest_alone_is_published() -> None:
    """P2: a lower pair publishes nothing."""
    built = GoldBuild(version=1, source_version=1, replaced=[day(0), day(1)])
    ledger = advance(replace(LTV, greatest_day=day(1)), gold_builds=[built])
    assert to_publish(ledger) == {day(1): 1}
    assert to_publish(advance(ledger, publishes=[DayPublished(day=day(1), version=1)])) == {}


def test_what_is_built_and_not_published_is_known_by_the_version_that_restated_it() -> None:
    """What fails its audit is built again and again, from ever later versions: it is the same change all the time."""
    for start in (SALES, LTV):
        ledger = advance(
            start,
            silver_changes=[SilverChange(version=5, days=[day(0)])],
            gold_builds=[GoldBuild(version=1, source_version=6, replaced=[day(number) for number in range(4)])],
        )
        ledger = advance(ledger, gold_builds=[GoldBuild(version=2, source_version=9, replaced=[day(0), day(3)])])
        assert (to_build(ledger), restated_at(ledger, day(0))) == ({}, 5)
        gone = advance(ledger, gold_builds=[GoldBuild(version=3, source_version=9, replaced=[], removed=[day(0)])])
        assert start.as_of or to_build(gone) == {}
    published = advance(replace(ledger, as_of=False), publishes=[DayPublished(day=day(0), version=2)])
    assert restated_at(published, day(0)) is None


SPAN = 100
numbers = st.integers(0, SPAN - 1)
days_of = st.sets(numbers, max_size=4)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, set[int], int]]:
    """Silver restates days, Gold builds days from a version that is the latest or a bit older, serving publishes."""
    events: list[tuple[str, set[int], int]] = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["restate", "build", "publish"]))
        events.append((kind, draw(days_of), draw(st.integers(0, 2))))
    return events


@given(histories(), st.booleans(), st.data())
def test_the_logs_may_be_read_in_any_batches(
    history: list[tuple[str, set[int], int]], as_of: bool, data: st.DataObject
) -> None:
    """A cursor that was kept gives what one full reading gives; and both what the definition says."""
    silver = gold = source = 0
    start = DayLedger(as_of=as_of, first_day=day(0), greatest_day=day(SPAN - 1))
    first = SilverChange(version=0, days=[day(0)])
    whole: tuple[list[SilverChange], list[GoldBuild], list[DayPublished]] = ([first], [], [])
    batch: tuple[list[SilverChange], list[GoldBuild], list[DayPublished]] = ([first], [], [])
    ledger = start
    for kind, chosen, lag in history:
        named = [day(number) for number in sorted(chosen)]
        if kind == "restate":
            silver += 1
            new: SilverChange | GoldBuild | DayPublished = SilverChange(version=silver, days=named)
            for log in (whole, batch):
                log[0].append(new)
        elif kind == "build":
            gold, source = gold + 1, max(source, silver - lag)
            for log in (whole, batch):
                log[1].append(GoldBuild(version=gold, source_version=source, replaced=named))
        else:
            for log in (whole, batch):
                log[2].extend(DayPublished(day=day, version=gold) for day in named)
        if data.draw(st.booleans()):
            ledger = advance(ledger, silver_changes=batch[0], gold_builds=batch[1], publishes=batch[2])
            batch = ([], [], [])
    ledger = advance(ledger, silver_changes=batch[0], gold_builds=batch[1], publishes=batch[2])
    at_once = advance(start, silver_changes=whole[0], gold_builds=whole[1], publishes=whole[2])
    assert to_build(ledger) == to_build(at_once)
    last = {day: change.version for change in whole[0] for day in change.days}
    built = {day: build.source_version for build in whole[1] for day in build.replaced}
    needed = last
    if as_of:
        kept = kept_as_of_days([day(number) for number in range(SPAN)], day(SPAN - 1))
        needed = {day: max((last[other] for other in last if other <= day), default=-1) for day in kept}
    assert to_build(ledger).keys() == {day for day, version in needed.items() if version > built.get(day, -1)}


COVERED = datetime(2025, 3, 10, 7, tzinfo=UTC)
"""The end of day(0)."""


def provisional(number: int, *, source_version: int, days: int = 0) -> GoldBuild:
    """A build of a day whose end Silver did not cover."""
    ends = {day(days): COVERED + timedelta(days=days)}
    return GoldBuild(version=number, source_version=source_version, replaced=list(ends), provisional=ends)


def test_a_day_that_was_not_complete_is_built_again_once_it_is() -> None:
    """V6: although nothing of it has changed; once, however far Silver reaches afterwards."""
    ledger = advance(SALES, silver_changes=[SilverChange(version=1, days=[day(0)])])
    ledger = advance(ledger, gold_builds=[provisional(1, source_version=1)])
    almost = SilverChange(version=2, days=[], covered_until=COVERED - timedelta(microseconds=1))
    ledger = advance(ledger, silver_changes=[almost])
    assert to_build(ledger) == {}
    covered = SilverChange(version=3, days=[], covered_until=COVERED)
    ledger = advance(ledger, silver_changes=[covered])
    assert to_build(ledger) == {day(0): 3}
    further = replace(covered, version=4, covered_until=COVERED + timedelta(days=1))
    ledger = advance(ledger, silver_changes=[further])
    assert to_build(ledger) == {day(0): 3}
    complete = GoldBuild(version=2, source_version=3, replaced=[day(0)])
    ledger = advance(ledger, gold_builds=[complete], publishes=[DayPublished(day=day(0), version=2)])
    assert to_build(advance(ledger, silver_changes=[replace(further, version=5)])) == {}


def test_a_build_that_is_read_after_silver_had_come_further_is_not_forgotten() -> None:
    """V6: it was at work on an older version meanwhile."""
    ledger = advance(SALES, silver_changes=[SilverChange(version=3, days=[], covered_until=COVERED)])
    ledger = advance(ledger, gold_builds=[provisional(1, source_version=2)])
    assert to_build(ledger) == {day(0): 3}


def test_nothing_is_built_for_ever_where_silver_comes_to_cover_less() -> None:
    """As after a restored table: the build saw the later version, and is not surer with it; the next one may be."""
    ledger = advance(SALES, silver_changes=[SilverChange(version=3, days=[], covered_until=COVERED)])
    ledger = advance(ledger, gold_builds=[provisional(1, source_version=4)])
    assert to_build(ledger) == {}
    again = SilverChange(version=5, days=[], covered_until=COVERED)
    assert to_build(advance(ledger, silver_changes=[again])) == {day(0): 5}


def test_an_as_of_day_that_was_not_complete_is_built_again_with_those_after_it() -> None:
    """V6: what is as of a later day holds it too; a day that is not kept any more is nobody's."""
    ledger = advance(
        LTV, silver_changes=[SilverChange(version=1, days=[day(0)], covered_until=COVERED - timedelta(hours=1))]
    )
    whole = GoldBuild(version=1, source_version=1, replaced=[day(1), day(2), day(3)])
    ledger = advance(ledger, gold_builds=[whole, provisional(2, source_version=1, days=2)])
    assert to_build(ledger) == {day(0): 1}
    covered = SilverChange(version=2, days=[], covered_until=COVERED + timedelta(days=2))
    assert to_build(advance(ledger, silver_changes=[covered])) == {day(0): 1, day(2): 2, day(3): 2}
    gone = GoldBuild(version=3, source_version=1, replaced=[], removed=[day(2)])
    assert advance(ledger, gold_builds=[gone]).provisional == {}

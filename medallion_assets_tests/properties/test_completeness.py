"""A day is complete when every source covers its end: against an oracle that counts hours (rules V1, V2, V6).

Windows of two sources arrive in any order, some never; days are built whenever somebody asks. In the end exactly the
days are marked complete that the oracle says, and none was before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.coverage import Coverage, least
from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.deriving.day_ledger import DayLedger, GoldBuild, SilverChange, advance, to_build
from medallion_assets.refining.ledger.coverage import coverage_of
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets_tests.properties.examples import examples

DAYS = [date(2025, 3, 8) + timedelta(days=number) for number in range(4)]  # one of them has 23 hours
START = datetime(2025, 3, 8, 8, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HOURS = 100


@dataclass(frozen=True)
class Window:
    """An export of some hours since START, or with none, a full one of that time."""

    begin: int
    hours: int
    number: int

    @property
    def batch(self) -> Batch:
        return Batch(
            id=f"{self.begin:03}-{self.number}",
            kind=BatchKind.CHANGES if self.hours else BatchKind.FULL,
            covers_from=START + self.begin * HOUR,
            covers_to=START + (self.begin + self.hours) * HOUR,
            uncertainty=MINUTE,
            records=0,
            started_at=START,
        )


def reach(arrived: Sequence[Window]) -> datetime | None:
    """The oracle: hour after hour since the last full export, as long as some window has it."""
    fulls = [window.begin for window in arrived if not window.hours]
    if not fulls:
        return None
    held = {hour for window in arrived for hour in range(window.begin, window.begin + window.hours)}
    hour = max(fulls)
    if hour not in held:  # of a full export's last minute nobody is sure, unless a window has it
        return START + hour * HOUR - (timedelta() if hour - 1 in held else MINUTE)
    while hour in held:
        hour += 1
    return START + hour * HOUR


def windows(source: int) -> st.SearchStrategy[list[tuple[int, Window]]]:
    begin = st.integers(0, HOURS)
    some = st.lists(st.tuples(begin, st.integers(1, 30)), max_size=8)
    return st.tuples(st.integers(0, 10), some, st.lists(begin, max_size=1)).map(
        lambda drawn: [
            (source, Window(at, hours, number))
            for number, (at, hours) in enumerate([(drawn[0], 0), *drawn[1], *((late, 0) for late in drawn[2])])
        ]
    )


arrivals = st.tuples(windows(0), windows(1)).flatmap(lambda both: st.permutations([*both[0], *both[1]]))


@dataclass
class Gold:
    """A Gold table, the sensor's ledger of it, and which of its days it calls complete."""

    ledger: DayLedger
    version: int = 0
    complete: dict[date, bool] = field(default_factory=dict)

    def build(self, days: Iterable[date], reached: Coverage, *, source_version: int) -> None:
        """As a run does it; the sensor reads of it."""
        ends = {day: end_of_business_day(day) for day in days}
        provisional = {day: end for day, end in ends.items() if not reached.includes(end)}
        self.version += 1
        build = GoldBuild(
            version=self.version, source_version=source_version, replaced=list(ends), provisional=provisional
        )
        self.ledger = advance(self.ledger, gold_builds=[build])
        self.complete |= {day: day not in provisional for day in ends}


@examples(200)
@given(arrived=arrivals, as_of=st.booleans(), built_by_hand=st.data())
def test_a_day_is_marked_complete_exactly_when_both_sources_cover_it(
    arrived: list[tuple[int, Window]], as_of: bool, built_by_hand: st.DataObject
) -> None:
    gold = Gold(DayLedger(as_of=as_of, first_day=DAYS[0], greatest_day=DAYS[-1]))
    gold.ledger = advance(gold.ledger, silver_changes=[SilverChange(version=0, days=DAYS)])
    arrived_of: tuple[list[Window], list[Window]] = ([], [])
    for version, (source, window) in enumerate(arrived, start=1):
        arrived_of[source].append(window)
        said = least(coverage_of(DynamoDBExports(), [arrived.batch for arrived in some], None) for some in arrived_of)
        seen = [reach(some) for some in arrived_of]
        until = None if None in seen else min(filter(None, seen))
        assert said.until == until
        gold.build(built_by_hand.draw(st.sets(st.sampled_from(DAYS))), said, source_version=version)
        change = SilverChange(version=version, days=(), covered_until=said.until)
        gold.ledger = advance(gold.ledger, silver_changes=[change])
        gold.build(to_build(gold.ledger), said, source_version=version)
        truth = {day: until is not None and end_of_business_day(day) <= until for day in DAYS}
        assert gold.complete == truth
    assert not to_build(gold.ledger)

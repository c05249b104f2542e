"""When restated days are asked for: not while a run is at work on them, ever later after failures, and not for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.triggers.debounce import ATTEMPTS, backoff
from medallion_assets.triggers.restated.asking import MOST_IN_FLIGHT, WHOLE_ATTEMPTS, AskingCursor, Chosen, choose
from medallion_assets.triggers.restated.attempts import PastRun
from medallion_assets.triggers.restated.batches import DayBatch
from medallion_assets.triggers.restated.days import RestatedRange

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)
DAY = date(2025, 3, 9)


def day_range(first: int, last: int | None = None, version: int = 1) -> RestatedRange:
    last = first if last is None else last
    return RestatedRange(
        first=DAY - timedelta(days=first),
        last=DAY - timedelta(days=last),
        version=version,
        builds=True,
        publishes=True,
    )


def past(*day_ranges: RestatedRange, version: int = 1, end: datetime = NOW, succeeded: bool | None = False) -> PastRun:
    """A run that was asked for some day ranges and took half a minute."""
    return PastRun(
        builds=True,
        version=version,
        days=[(ask.first, ask.last) for ask in day_ranges],
        asked_at=end - timedelta(seconds=30),
        active_at=end,
        succeeded=succeeded,
    )


SUCCESS = past(end=NOW + timedelta(seconds=1), succeeded=True)
"""A run of other days, after all failures: they have no common cause."""


def decide(
    *day_ranges: RestatedRange,
    now: datetime = NOW,
    memory: AskingCursor = AskingCursor(),  # noqa: B008 - it is frozen
    timers: Timers = AT_ONCE,
    busy: Collection[tuple[date, date]] = (),
    in_flight: int = 0,
    runs: Collection[PastRun] = (),
) -> Chosen:
    return choose(now, memory, day_ranges, timers, newest=DAY, busy=busy, in_flight=in_flight, past=runs)


def asked(decision: Chosen) -> list[list[date]]:
    """The first days of the day ranges of each batch that is asked for."""
    return [[part.first for part in batch.ranges] for batch in decision.asks]


@dataclass
class Day:
    """A day of ticks, each run of which takes half a minute; `fails` says which."""

    fails: Callable[[DayBatch], bool]
    missing: dict[date, RestatedRange]
    restates: tuple[RestatedRange, timedelta] | None = None
    runs: list[PastRun] = field(default_factory=list)
    published: list[date] = field(default_factory=list)
    alerts: int = 0

    def live(self, hours: int) -> Day:
        memory, at_work = AskingCursor(), list[tuple[datetime, DayBatch]]()
        for now in (NOW + timedelta(seconds=15 * number) for number in range(240 * hours)):
            if self.restates and (now - NOW) % self.restates[1] == timedelta(0):
                today = replace(self.restates[0], version=2 + (now - NOW) // self.restates[1])
                self.missing[today.first] = today
            for end, batch in [run for run in at_work if run[0] <= now]:
                at_work.remove((end, batch))
                self._end(end, batch)
            busy = [(part.first, part.last) for _, batch in at_work for part in batch.ranges]
            decision = decide(
                *self.missing.values(), now=now, memory=memory, busy=busy, in_flight=len(at_work), runs=self.runs
            )
            at_work += [(now + timedelta(seconds=30), batch) for batch in decision.asks]
            memory, self.alerts = decision.memory, self.alerts + bool(decision.given_up)
        return self

    def _end(self, end: datetime, batch: DayBatch) -> None:
        fails = self.fails(batch)
        self.runs.append(past(*batch.ranges, version=batch.version, end=end, succeeded=not fails))
        for part in batch.ranges if not fails else ():
            self.published.append(part.first)
            if self.missing[part.first].version <= batch.version:
                del self.missing[part.first]


def test_what_no_run_is_at_work_on_is_asked_for() -> None:
    week = day_range(8, 2)
    assert asked(decide(day_range(0), week)) == [[DAY, week.first]]
    assert asked(decide(day_range(0), week, busy=[(week.last, week.last)])) == [[DAY]]
    assert asked(decide(day_range(0), week, busy=[(date.min, date.max)])) == []


def test_a_failed_run_is_repeated_ever_later_and_then_no_more_with_one_alert() -> None:
    for count in range(1, ATTEMPTS):
        runs = [past(day_range(0))] * count
        early = decide(day_range(0), now=NOW + backoff(count) - timedelta(seconds=1), runs=runs)
        due = decide(day_range(0), now=NOW + backoff(count), runs=runs)
        assert (asked(early), asked(due)) == ([], [[DAY]])
    runs = [past(day_range(0))] * ATTEMPTS
    over = decide(day_range(0), now=NOW + timedelta(days=1), runs=runs)
    assert (asked(over), [batch.days for batch in over.given_up]) == ([], [[DAY]])
    again = decide(day_range(0), now=NOW + timedelta(days=2), memory=over.memory, runs=runs)
    assert (asked(again), again.given_up) == ([], [])
    changed = decide(day_range(0, version=2), now=NOW + timedelta(days=2), memory=again.memory, runs=runs)
    assert asked(changed) == [[DAY]]
    assert not changed.memory.given_up


def test_what_failed_goes_alone_and_what_was_never_tried_together() -> None:
    first, second, new, newer = (day_range(2 * number) for number in range(4))
    runs = [past(first, second), SUCCESS]
    decision = decide(first, second, new, newer, now=NOW + backoff(1), runs=runs)
    assert asked(decision) == [[new.first, newer.first], [first.first], [second.first]]


def test_while_all_fails_one_is_tried_for_all() -> None:
    """Each time another one, ever later: if it is a day that cannot be built, the next one sets the others free."""
    first, second, third = (day_range(2 * number) for number in range(3))
    runs = [past(first, second, third)]
    assert asked(decide(first, second, third, now=NOW + backoff(1), runs=runs)) == [[first.first]]
    assert asked(decide(second, third, first, now=NOW + backoff(1), runs=runs, busy=[(DAY, DAY)])) == []
    runs.append(past(first, end=NOW + timedelta(seconds=90)))
    then = NOW + timedelta(seconds=90) + backoff(2)
    assert asked(decide(first, second, third, now=then - timedelta(seconds=1), runs=runs)) == []
    assert asked(decide(first, second, third, now=then, runs=runs)) == [[second.first]]


def test_one_day_that_cannot_be_built_does_not_hold_up_a_day_that_changes_all_the_time() -> None:
    """Each commit of Silver is a new version; that must not begin the attempts at the other day anew."""
    bad = day_range(16)
    for minutes in (3, 5, 8):
        day = Day(
            lambda batch: bad.first in batch.days, {bad.first: bad}, (day_range(0), timedelta(minutes=minutes))
        ).live(6)
        assert day.published.count(DAY) >= 6 * 60 // minutes - 2
        assert [bad.first in [first for first, _ in run.days] for run in day.runs].count(True) == ATTEMPTS
        assert day.alerts == 1


def test_one_day_that_cannot_be_built_is_found_among_many() -> None:
    """The others are there within minutes."""
    days = {part.first: part for part in (day_range(2 * number) for number in range(40))}
    bad = day_range(10).first
    day = Day(lambda batch: bad in batch.days, days).live(1)
    assert list(day.missing) == [bad]
    assert max(run.active_at for run in day.runs if run.succeeded) < NOW + timedelta(minutes=20)


@pytest.mark.slow
def test_a_cause_that_all_days_have_costs_few_runs_and_one_alert() -> None:
    """The serving table is gone: sixty scattered days are not tried one by one, and people are told once."""
    days = {part.first: part for part in (day_range(2 * number) for number in range(60))}
    day = Day(lambda _: True, days).live(5)
    assert len(day.runs) <= ATTEMPTS + 3
    assert day.alerts == 1


def test_what_was_given_up_with_others_is_asked_for_when_the_cause_is_over() -> None:
    """A run of any other day succeeds: nobody has to find the days that wait."""
    runs = [past(day_range(0), day_range(2), end=NOW - timedelta(days=1))]
    runs += [past(day_range(0), end=NOW + timedelta(minutes=number)) for number in range(ATTEMPTS - 1)]
    over = decide(day_range(0), day_range(2), now=NOW + timedelta(hours=8), runs=runs)
    assert (asked(over), len(over.given_up)) == ([], 2)
    runs.append(past(end=NOW + timedelta(hours=9), succeeded=True))
    free = decide(day_range(0), day_range(2), now=NOW + timedelta(hours=10), memory=over.memory, runs=runs)
    assert (asked(free), free.given_up) == ([[day_range(2).first]], [])


def test_recent_days_that_fail_together_again_and_again_are_asked_for_one_by_one() -> None:
    """A day that cannot be built holds up its neighbors for minutes, not for ever."""
    days, then = day_range(2, 0), NOW + timedelta(days=1)
    whole = [past(days)] * (WHOLE_ATTEMPTS - 1)
    assert asked(decide(days, now=then, runs=[*whole, SUCCESS])) == [[days.first]]
    runs = [*whole, past(days), SUCCESS]
    assert [batch.days for batch in decide(days, now=then, runs=runs).asks] == [[day] for day in reversed(days.days)]
    old = day_range(400, 390)
    runs = [past(old)] * WHOLE_ATTEMPTS
    assert [batch.days for batch in decide(old, now=then, runs=runs).asks] == [old.days]


def test_what_is_given_up_is_told_once_however_day_ranges_are_cut() -> None:
    """The oldest of recent days becomes an old one every night."""
    days = day_range(5, 0)
    runs = [past(days)] * ATTEMPTS
    over = decide(days, runs=runs)
    cut = decide(day_range(5, 5), day_range(4, 0), runs=runs, memory=over.memory)
    assert (len(over.given_up) > 0, cut.given_up) == (True, [])


def test_no_more_than_some_are_in_flight() -> None:
    old = [day_range(400 * number) for number in range(1, MOST_IN_FLIGHT + 3)]
    assert len(decide(*old).asks) == MOST_IN_FLIGHT
    assert [len(decide(*old, in_flight=number).asks) for number in (3, MOST_IN_FLIGHT, 100)] == [5, 0, 0]


def test_what_was_given_up_takes_no_place() -> None:
    old = [day_range(400 * number) for number in range(1, MOST_IN_FLIGHT + 2)]
    runs = [past(old[0])] * ATTEMPTS
    assert asked(decide(*old, runs=runs)) == [[part.first] for part in old[1:]]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=400)])
def test_a_clock_that_was_set_back_holds_nothing_up(jump: timedelta) -> None:
    """What was seen or asked for by the clock before counts from now on, once."""
    timers = Timers(min_time_between_triggers_seconds=120, wait_after_last_change_seconds=60)
    memory = AskingCursor(asked_at=NOW + jump, seen={str(day_range(0)): NOW + jump})
    first = decide(day_range(0), timers=timers, memory=memory)
    assert (asked(first), first.memory) == ([], AskingCursor(asked_at=NOW, seen={str(day_range(0)): NOW}))
    due = decide(day_range(0), timers=timers, memory=first.memory, now=NOW + timedelta(seconds=120))
    assert asked(due) == [[DAY]]


def test_the_tables_timers_hold() -> None:
    """The quiet time starts anew with every day range that comes up; the time between triggers counts from the last."""
    timers = Timers(min_time_between_triggers_seconds=120, wait_after_last_change_seconds=60)
    seconds = [NOW + timedelta(seconds=number) for number in range(200)]
    first = decide(day_range(0), timers=timers, now=seconds[0])
    second = decide(day_range(0), day_range(2), timers=timers, now=seconds[50], memory=first.memory)
    early = decide(day_range(0), day_range(2), timers=timers, now=seconds[109], memory=second.memory)
    due = decide(day_range(0), day_range(2), timers=timers, now=seconds[110], memory=early.memory)
    assert [asked(decision) for decision in (first, second, early)] == [[], [], []]
    assert asked(due) == [[DAY, day_range(2).first]]
    memory = AskingCursor(asked_at=seconds[0], seen={str(day_range(0)): seconds[0]})
    assert [len(decide(day_range(0), timers=timers, now=seconds[at], memory=memory).asks) for at in (119, 120)] == [
        0,
        1,
    ]


def test_a_memory_survives_the_cursor_and_a_broken_one_is_none() -> None:
    memory = AskingCursor(asked_at=NOW, seen={"a": NOW}, given_up=frozenset({"a"}))
    assert from_json_or_none(AskingCursor, to_json(memory)) == memory
    assert from_json_or_none(AskingCursor, to_json(AskingCursor())) == AskingCursor()
    for broken in (None, [], {"asked_at": 3, "seen": {}, "given_up": []}, {"asked_at": None, "seen": []}):
        assert from_json_or_none(AskingCursor, json.dumps(broken)) is None

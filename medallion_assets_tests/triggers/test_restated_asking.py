"""When restated days are asked for: not while a run is at work on them, ever later after failures, and not for ever."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from medallion_assets.lakehouse.contracts import AT_ONCE, Timers
from medallion_assets.triggers.debounce import ATTEMPTS, backoff
from medallion_assets.triggers.restated import Stretch
from medallion_assets.triggers.restated_asking import (
    MOST_IN_FLIGHT,
    WHOLE_ATTEMPTS,
    Attempts,
    Decision,
    Memory,
    choose,
)
from medallion_assets.triggers.restated_batches import Batch, batches

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)
DAY = date(2025, 3, 9)


def stretch(first: int, last: int | None = None, version: int = 1) -> Stretch:
    last = first if last is None else last
    return Stretch(
        first=DAY - timedelta(days=first),
        last=DAY - timedelta(days=last),
        version=version,
        builds=True,
        publishes=True,
    )


def named(batch: Batch) -> str:
    return f"{', '.join(str(one.first) for one in batch.stretches)}@{batch.version}"


def decide(
    *stretches: Stretch,
    now: datetime = NOW,
    memory: Memory = Memory(),  # noqa: B008 - it is frozen
    timers: Timers = AT_ONCE,
    busy: Collection[tuple[date, date]] = (),
    in_flight: int = 0,
    attempts: Mapping[str, Attempts] | None = None,
) -> Decision:
    known = attempts or {}
    return choose(
        now,
        memory,
        {f"{one.first}@{one.version}": one for one in stretches},
        timers,
        newest=DAY,
        busy=busy,
        in_flight=in_flight,
        named=named,
        attempts=lambda key: known.get(key, Attempts()),
    )


def numbered(decision: Decision) -> list[tuple[list[date], int]]:
    """The first days of the stretches of each batch that is asked for, with its attempt."""
    return [([one.first for one in batch.stretches], ask.attempt) for batch, ask in decision.asks]


def test_what_no_run_is_at_work_on_is_asked_for() -> None:
    week = stretch(8, 2)
    assert numbered(decide(stretch(0), week)) == [([DAY, week.first], 1)]
    assert numbered(decide(stretch(0), week, busy=[(week.last, week.last)])) == [([DAY], 1)]
    assert numbered(decide(stretch(0), week, busy=[(date.min, date.max)])) == []


def test_a_failed_run_is_repeated_ever_later_and_then_no_more_with_one_alert() -> None:
    key = f"{DAY}@1"
    memory = Memory()
    for count in range(1, ATTEMPTS):
        past = {key: Attempts(count=count, active_at=NOW)}
        early = decide(stretch(0), memory=memory, now=NOW + backoff(count) - timedelta(seconds=1), attempts=past)
        due = decide(stretch(0), memory=memory, now=NOW + backoff(count), attempts=past)
        assert (numbered(early), numbered(due)) == ([], [([DAY], count + 1)])
    past = {key: Attempts(count=ATTEMPTS, active_at=NOW)}
    over = decide(stretch(0), now=NOW + timedelta(days=1), attempts=past)
    assert (numbered(over), [one.days for one in over.given_up]) == ([], [[DAY]])
    again = decide(stretch(0), now=NOW + timedelta(days=2), memory=over.memory, attempts=past)
    assert (numbered(again), again.given_up) == ([], [])
    changed = decide(stretch(0, version=2), now=NOW + timedelta(days=2), memory=again.memory, attempts=past)
    assert numbered(changed) == [([DAY], 1)]
    assert not changed.memory.given_up


def test_a_batch_that_fails_again_and_again_is_asked_for_in_halves() -> None:
    """A day that cannot be built holds up the others for minutes, not for ever."""
    days = [stretch(2 * number) for number in range(4)]
    first, second, third, fourth = (one.first for one in days)
    whole = f"{first}, {second}, {third}, {fourth}@1"
    past = {whole: Attempts(count=WHOLE_ATTEMPTS, active_at=NOW)}
    assert numbered(decide(*days, attempts=past)) == [([first, second], 1), ([third, fourth], 1)]
    past[f"{first}, {second}@1"] = Attempts(count=WHOLE_ATTEMPTS, active_at=NOW)
    past[f"{third}, {fourth}@1"] = Attempts(count=1, active_at=NOW)
    assert numbered(decide(*days, attempts=past)) == [([first], 1), ([second], 1)]


def test_no_more_than_some_are_in_flight() -> None:
    old = [stretch(400 * number) for number in range(1, MOST_IN_FLIGHT + 3)]
    assert len(decide(*old).asks) == MOST_IN_FLIGHT
    assert [len(decide(*old, in_flight=number).asks) for number in (3, MOST_IN_FLIGHT, 100)] == [5, 0, 0]


def test_what_was_given_up_takes_no_place() -> None:
    old = [stretch(400 * number) for number in range(1, MOST_IN_FLIGHT + 2)]
    past = {named(batches([old[0]], newest=DAY)[0]): Attempts(count=ATTEMPTS, active_at=NOW)}
    assert [days for days, _ in numbered(decide(*old, attempts=past))] == [[one.first] for one in old[1:]]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=400)])
def test_a_clock_that_was_set_back_holds_nothing_up(jump: timedelta) -> None:
    """What was seen or asked for by the clock before counts from now on, once."""
    timers = Timers(min_time_between_triggers_seconds=120, wait_after_last_change_seconds=60)
    memory = Memory(asked_at=NOW + jump, seen={f"{DAY}@1": NOW + jump})
    first = decide(stretch(0), timers=timers, memory=memory)
    assert (numbered(first), first.memory) == ([], Memory(asked_at=NOW, seen={f"{DAY}@1": NOW}))
    due = decide(stretch(0), timers=timers, memory=first.memory, now=NOW + timedelta(seconds=120))
    assert numbered(due) == [([DAY], 1)]


def test_the_tables_timers_hold() -> None:
    """The quiet time starts anew with every stretch that comes up; the time between triggers counts from the last."""
    timers = Timers(min_time_between_triggers_seconds=120, wait_after_last_change_seconds=60)
    seconds = [NOW + timedelta(seconds=number) for number in range(200)]
    first = decide(stretch(0), timers=timers, now=seconds[0])
    second = decide(stretch(0), stretch(2), timers=timers, now=seconds[50], memory=first.memory)
    early = decide(stretch(0), stretch(2), timers=timers, now=seconds[109], memory=second.memory)
    due = decide(stretch(0), stretch(2), timers=timers, now=seconds[110], memory=early.memory)
    assert [numbered(one) for one in (first, second, early)] == [[], [], []]
    assert numbered(due) == [([DAY, stretch(2).first], 1)]
    memory = Memory(asked_at=seconds[0], seen={f"{DAY}@1": seconds[0]})
    assert [len(decide(stretch(0), timers=timers, now=seconds[at], memory=memory).asks) for at in (119, 120)] == [0, 1]


def test_a_memory_survives_the_cursor_and_a_broken_one_is_empty() -> None:
    memory = Memory(asked_at=NOW, seen={"a": NOW}, given_up=frozenset({"a"}))
    assert Memory.load(json.loads(json.dumps(memory.dump()))) == memory
    assert Memory.load(Memory().dump()) == Memory()
    for broken in (None, {}, [], {"asked_at": 3, "seen": {}, "given_up": []}, {"asked_at": None, "seen": []}):
        assert Memory.load(broken) == Memory()

"""When restated days are asked for: not while a run is at work on them, ever later after failures, and not for ever."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

from medallion_assets.lakehouse.contracts import AT_ONCE, Timers
from medallion_assets.triggers.debounce import ATTEMPTS, backoff
from medallion_assets.triggers.restated import Stretch
from medallion_assets.triggers.restated_asking import REQUESTS_AT_ONCE, Attempts, Decision, Memory, choose

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


def decide(
    *stretches: Stretch,
    now: datetime = NOW,
    memory: Memory = Memory(),  # noqa: B008 - it is frozen
    timers: Timers = AT_ONCE,
    busy: Collection[tuple[date, date]] = (),
    attempts: Mapping[str, Attempts] | None = None,
) -> Decision:
    known = attempts or {}
    lacking = {f"{one.first}@{one.version}": one for one in stretches}
    return choose(now, memory, lacking, timers, busy=busy, attempts=lambda key: known.get(key, Attempts()))


def numbered(decision: Decision) -> list[tuple[date, int]]:
    return [(one.first, ask.attempt) for one, ask in decision.asks]


def test_what_no_run_is_at_work_on_is_asked_for() -> None:
    week = stretch(8, 2)
    assert numbered(decide(stretch(0), week)) == [(DAY, 1), (week.first, 1)]
    assert numbered(decide(stretch(0), week, busy=[(week.last, week.last)])) == [(DAY, 1)]
    assert numbered(decide(stretch(0), week, busy=[(date.min, date.max)])) == []


def test_a_failed_run_is_repeated_ever_later_and_then_no_more_with_one_alert() -> None:
    key = f"{DAY}@1"
    memory = Memory()
    for count in range(1, ATTEMPTS):
        past = {key: Attempts(count=count, active_at=NOW)}
        early = decide(stretch(0), memory=memory, now=NOW + backoff(count) - timedelta(seconds=1), attempts=past)
        due = decide(stretch(0), memory=memory, now=NOW + backoff(count), attempts=past)
        assert (numbered(early), numbered(due)) == ([], [(DAY, count + 1)])
    past = {key: Attempts(count=ATTEMPTS, active_at=NOW)}
    over = decide(stretch(0), now=NOW + timedelta(days=1), attempts=past)
    assert (numbered(over), over.given_up) == ([], [stretch(0)])
    again = decide(stretch(0), now=NOW + timedelta(days=2), memory=over.memory, attempts=past)
    assert (numbered(again), again.given_up) == ([], [])
    changed = decide(stretch(0, version=2), now=NOW + timedelta(days=2), memory=again.memory, attempts=past)
    assert numbered(changed) == [(DAY, 1)]
    assert not changed.memory.given_up


def test_no_more_than_some_are_asked_for_at_once() -> None:
    """What was given up takes no place."""
    many = [stretch(2 * number) for number in range(REQUESTS_AT_ONCE + 2)]
    past = {f"{DAY}@1": Attempts(count=ATTEMPTS, active_at=NOW)}
    assert [first for first, _ in numbered(decide(*many, attempts=past))] == [one.first for one in many[1:-1]]


def test_the_tables_timers_hold() -> None:
    """The quiet time starts anew with every stretch that comes up; the time between triggers counts from the last."""
    timers = Timers(min_time_between_triggers_seconds=120, wait_after_last_change_seconds=60)
    seconds = [NOW + timedelta(seconds=number) for number in range(200)]
    first = decide(stretch(0), timers=timers, now=seconds[0])
    second = decide(stretch(0), stretch(2), timers=timers, now=seconds[50], memory=first.memory)
    early = decide(stretch(0), stretch(2), timers=timers, now=seconds[109], memory=second.memory)
    due = decide(stretch(0), stretch(2), timers=timers, now=seconds[110], memory=early.memory)
    assert [len(one.asks) for one in (first, second, early, due)] == [0, 0, 0, 2]
    memory = Memory(asked_at=seconds[0], seen={f"{DAY}@1": seconds[0]})
    assert [len(decide(stretch(0), timers=timers, now=seconds[at], memory=memory).asks) for at in (119, 120)] == [0, 1]


def test_a_memory_survives_the_cursor_and_a_broken_one_is_empty() -> None:
    memory = Memory(asked_at=NOW, seen={"a": NOW}, given_up=frozenset({"a"}))
    assert Memory.load(json.loads(json.dumps(memory.dump()))) == memory
    assert Memory.load(Memory().dump()) == Memory()
    for broken in (None, {}, [], {"asked_at": 3, "seen": {}, "given_up": []}, {"asked_at": None, "seen": []}):
        assert Memory.load(broken) == Memory()

"""Debouncing: the timers against an independent simulation, and what becomes of runs that leave something undone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.triggers.debounce import ATTEMPTS, DebounceState, Observation, backoff, debounce, signature_of

START = datetime(2025, 1, 1, tzinfo=UTC)
ASKED_AT_START = DebounceState(asked_at=START)
SECONDS = st.integers(0, 60)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def timers(between: int, quiet: int) -> Timers:
    return Timers(min_time_between_triggers_seconds=between, wait_after_last_change_seconds=quiet)


def seen(signature: str, changed: float = 0) -> Observation:
    return Observation(signature=signature, changed_at=at(changed))


def fired(changes: list[int], timers: Timers, state: DebounceState, *, until: int = 400, every: int = 1) -> list[int]:
    """When runs are asked for that take in everything at once; a change at each of some seconds."""
    moments, taken = [], 0
    for now in range(0, until, every):
        done = [change for change in changes if change <= now]
        observation = seen(str(len(done)), done[-1]) if len(done) > taken else None
        ask, state = debounce(at(now), state, observation, timers)
        if ask is not None:
            moments.append(now)
            taken = len(done)
    return moments


def simulated(changes: list[int], between: int, quiet: int, *, until: int = 400) -> list[int]:
    """The same from the words alone: the first second at which both timers are over and something is new."""
    moments: list[int] = []
    for now in range(until):
        new = [change for change in changes if (not moments or change > moments[-1]) and change <= now]
        if new and now - new[-1] >= quiet and now - (moments[-1] if moments else 0) >= between:
            moments.append(now)
    return moments


def test_the_example_of_both_timers() -> None:
    """Updates at 5 s and 115 s with 120/60, last trigger at 0: 175 s."""
    assert fired([5, 115], timers(120, 60), ASKED_AT_START) == [175]


@pytest.mark.parametrize(
    ("between", "quiet", "expected"),
    [(0, 0, [5, 115]), (120, 0, [120]), (0, 60, [65, 175]), (120, 60, [175]), (300, 60, [300])],
)
def test_every_combination_of_timers(between: int, quiet: int, expected: list[int]) -> None:
    assert fired([5, 115], timers(between, quiet), ASKED_AT_START) == expected


@given(st.lists(SECONDS.map(lambda second: 3 * second), min_size=1, unique=True).map(sorted), SECONDS, SECONDS)
def test_the_timers_hold_whatever_changes_when(changes: list[int], between: int, quiet: int) -> None:
    assert fired(changes, timers(between, quiet), ASKED_AT_START) == simulated(changes, between, quiet)


@given(st.lists(SECONDS, min_size=1, unique=True).map(sorted), SECONDS, SECONDS, st.integers(1, 30))
def test_no_change_is_left_behind_and_no_timer_is_broken(
    changes: list[int], between: int, quiet: int, every: int
) -> None:
    """However seldom the sensor looks."""
    moments = fired(changes, timers(between, quiet), DebounceState(), every=every)
    assert moments[-1] >= changes[-1]
    assert all(later - earlier >= between for earlier, later in pairwise(moments))
    for moment in moments:
        before = [change for change in changes if change <= moment]
        assert moment - before[-1] >= quiet


def test_a_change_that_was_not_seen_at_once_counts_from_when_it_was_made() -> None:
    """A daemon that was down for an hour asks in its first tick."""
    ask, _ = debounce(at(3600), DebounceState(), seen("a", changed=0), Timers())
    assert ask is not None


def test_what_stays_undone_is_asked_for_ever_later_and_then_given_up_once() -> None:
    state, asked, given_up = DebounceState(), [], []
    for now in range(0, 20_000, 5):
        before = state
        ask, state = debounce(at(now), state, seen("a"), AT_ONCE)
        asked += [(now, ask.attempt)] if ask else []
        given_up += [now] if state.given_up and not before.given_up else []
    assert asked == [(0, 1), (60, 2), (180, 3), (420, 4), (900, 5), (1860, 6), (3780, 7), (7380, 8)]
    assert given_up == [7385]


def test_another_signature_begins_anew_but_the_timers_hold() -> None:
    state = DebounceState(signature="a", changed_at=at(0), asked_at=at(1000), attempts=ATTEMPTS, given_up=True)
    ask, state = debounce(at(1005), state, seen("b", 1005), timers(60, 10))
    assert ask is None
    assert not state.given_up
    ask, state = debounce(at(1059), state, seen("b", 1005), timers(60, 10))
    assert ask is None
    ask, state = debounce(at(1060), state, seen("b", 1005), timers(60, 10))
    assert ask is not None
    assert ask.attempt == 1


def test_the_wait_for_another_attempt_counts_from_the_end_of_the_run() -> None:
    _, state = debounce(at(0), DebounceState(), seen("a"), AT_ONCE)
    for now in range(5, 2000, 5):
        ask, state = debounce(at(now), state, None, AT_ONCE, is_active=True)
        assert ask is None
    ask, state = debounce(at(2000), state, seen("a"), AT_ONCE)
    assert ask is None
    ask, state = debounce(at(2055), state, seen("a"), AT_ONCE)
    assert ask is not None
    assert ask.attempt == 2


def test_timers_hold_for_another_attempt_as_well() -> None:
    _, state = debounce(at(0), DebounceState(), seen("a"), timers(300, 0))
    ask, state = debounce(at(299), state, seen("a"), timers(300, 0))
    assert ask is None
    ask, _ = debounce(at(300), state, seen("a"), timers(300, 0))
    assert ask is not None


def test_what_was_done_is_forgotten_but_for_the_last_trigger() -> None:
    _, state = debounce(at(0), DebounceState(), seen("a"), AT_ONCE)
    _, state = debounce(at(5), state, None, AT_ONCE)
    assert state == DebounceState(asked_at=at(0))


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    ahead = DebounceState(signature="a", changed_at=at(9000), asked_at=at(9000), active_at=at(9000), attempts=1)
    ask, state = debounce(at(0), ahead, seen("a", 9000), Timers())
    assert ask is None
    ask, _ = debounce(at(300), state, seen("a", 9000), Timers())
    assert ask is not None


def test_a_change_dated_by_a_clock_that_is_ahead_counts_from_when_it_was_seen() -> None:
    _, state = debounce(at(0), DebounceState(), seen("a", 9000), timers(0, 60))
    for now in range(5, 60, 5):
        ask, state = debounce(at(now), state, seen("a", 9000), timers(0, 60))
        assert ask is None
    ask, _ = debounce(at(60), state, seen("a", 9000), timers(0, 60))
    assert ask is not None


def test_waits_double_up_to_an_hour() -> None:
    assert [backoff(attempts).total_seconds() for attempts in range(1, 9)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_signatures_differ_when_a_part_does() -> None:
    assert signature_of("a", 1) == signature_of("a", 1)
    assert len({signature_of("a", 1), signature_of("a", 2), signature_of("a1"), signature_of(["a"], 1)}) == 4


@given(
    st.builds(
        DebounceState,
        signature=st.none() | st.text(),
        changed_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        asked_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        active_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        attempts=st.integers(0, 100),
        given_up=st.booleans(),
    )
)
def test_a_state_survives_its_cursor(state: DebounceState) -> None:
    assert from_json_or_none(DebounceState, to_json(state)) == state


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": "1"},
        {"attempts": -1},
        {"attempts": True},
        {"given_up": 1},
        {"signature": 5},
        {"asked_at": "yesterday"},
        {"asked_at": "2025-01-01T00:00:00"},
        {"changed_at": 5},
    ],
)
def test_what_is_no_state_is_not_read(wrong: dict[str, object]) -> None:
    assert from_json_or_none(DebounceState, json.dumps(wrong)) is None

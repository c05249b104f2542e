"""Run-if conditions, against what their names say; and that each thing that happens is asked for once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.triggers import Condition
from medallion_assets.triggers.run_if import (
    AT_LEAST_ONE,
    OVERLAP_SECONDS,
    WAITING_SECONDS,
    ConditionMet,
    EndStatus,
    FinishedRun,
    RunIfCursor,
    condition_met,
    evaluate,
)

UPSTREAM = ("a", "b", "c")
S, F, K, P = EndStatus.SUCCEEDED, EndStatus.FAILED, EndStatus.SKIPPED, EndStatus.PENDING
ENDED = (S, F, K)
NOTHING_KNOWN = RunIfCursor(settled_until=0)


def is_so(condition: Condition, ended: Sequence[EndStatus]) -> bool:
    """What the name of the condition says, of outcomes none of which is pending."""
    match condition:
        case Condition.ALL_SUCCEEDED:
            return ended.count(S) == len(ended)
        case Condition.AT_LEAST_ONE_SUCCEEDED:
            return ended.count(S) >= 1
        case Condition.NONE_FAILED:
            return ended.count(F) == 0 and ended.count(K) < len(ended)
        case Condition.ALL_DONE:
            return True
        case Condition.ALL_FAILED:
            return ended.count(F) == len(ended)
        case Condition.AT_LEAST_ONE_FAILED:
            return ended.count(F) >= 1
        case Condition.AT_LEAST_ONE_SKIPPED:
            return ended.count(K) >= 1


@pytest.mark.parametrize("condition", [condition for condition in Condition if condition is not Condition.ALL_DONE])
def test_a_condition_is_decided_as_soon_as_what_is_pending_cannot_change_it(condition: Condition) -> None:
    """Every list of up to four outcomes, against all that could become of the pending ones."""
    for length in range(1, 5):
        for statuses in itertools.product(EndStatus, repeat=length):
            futures = itertools.product(*(ENDED if status is P else (status,) for status in statuses))
            possible = {is_so(condition, future) for future in futures}
            expected = possible.pop() if len(possible) == 1 else None
            if expected is True and P in statuses and condition not in AT_LEAST_ONE:
                expected = None  # a condition about all is met when all have ended
            assert condition_met(condition, statuses) is expected, statuses


def test_all_done_waits_for_all() -> None:
    assert condition_met(Condition.ALL_DONE, [S, F, K]) is True
    assert condition_met(Condition.ALL_DONE, [S, F, P]) is None


@pytest.mark.parametrize("condition", Condition)
def test_nothing_decides_nothing(condition: Condition) -> None:
    assert condition_met(condition, []) is None


def history(outcomes: Sequence[dict[str, EndStatus]]) -> list[FinishedRun]:
    """Runs that ended a second after each other."""
    return [
        FinishedRun(run_id=f"run{number:03}", ended_at=float(number), outcomes=outcome)
        for number, outcome in enumerate(outcomes, 1)
    ]


def expected_asks(condition: Condition, runs: Sequence[FinishedRun]) -> list[str]:
    """Told plainly: the runs that meet the condition, or those that end a round which does."""
    if condition in AT_LEAST_ONE:
        return [run.run_id for run in runs if AT_LEAST_ONE[condition] in run.outcomes.values()]
    keys, first = [], 0
    for last, run in enumerate(runs):
        window = runs[first : last + 1]
        latest = {name: [run.outcomes[name] for run in window if name in run.outcomes][-1:] for name in UPSTREAM}
        if all(latest.values()):
            first = last + 1
            if is_so(condition, [status for (status,) in latest.values()]):
                keys.append(run.run_id)
    return keys


def keys(asks: Sequence[ConditionMet]) -> list[str]:
    return [ask.key for ask in asks]


HISTORIES = st.lists(st.dictionaries(st.sampled_from(UPSTREAM), st.sampled_from(ENDED)), max_size=20).map(history)


@given(condition=st.sampled_from(Condition), runs=HISTORIES, cuts=st.lists(st.integers(0, 20)), seed=st.integers())
def test_however_ticks_cut_the_history_each_run_or_round_is_asked_for_once(
    condition: Condition, runs: list[FinishedRun], cuts: list[int], seed: int
) -> None:
    """Each tick sees all runs so far in any order, those of earlier ticks too; the cursor goes through text."""
    cursor, asked = NOTHING_KNOWN, []
    for end in [*sorted(cuts), len(runs)]:
        seen = runs[:end]
        Random(seed).shuffle(seen)
        first, _ = evaluate(condition, UPSTREAM, 30.0, cursor, seen)
        again, following = evaluate(condition, UPSTREAM, 30.0, cursor, seen)
        assert first == again
        asked += again
        cursor = from_json_or_none(RunIfCursor, to_json(following)) or NOTHING_KNOWN
    assert keys(asked) == expected_asks(condition, runs)


def test_the_causes_of_a_round_are_the_latest_outcome_of_each() -> None:
    runs = history([{"a": F}, {"b": S}, {"a": S, "c": S}])
    ((ask,), _) = evaluate(Condition.ALL_SUCCEEDED, UPSTREAM, 30.0, NOTHING_KNOWN, runs)
    assert [(cause.upstream, cause.run_id) for cause in ask.causes] == [
        ("a", "run003"),
        ("b", "run002"),
        ("c", "run003"),
    ]
    assert (ask.key, ask.ended_at) == ("run003", 3.0)


def test_the_causes_of_a_run_are_those_that_met_the_condition() -> None:
    runs = history([{"a": F, "b": S, "c": F, "d": F}])
    ((ask,), _) = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, 30.0, NOTHING_KNOWN, runs)
    assert [cause.upstream for cause in ask.causes] == ["a", "c"]


def test_a_run_that_is_seen_late_is_not_missed() -> None:
    """Its end was stored after that of a run that ended later."""
    late, early = history([{"a": F}, {"a": F}])
    now = early.ended_at + 5
    first, cursor = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, now, NOTHING_KNOWN, [early])
    second, _ = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, now, cursor, [early, late])
    assert (keys(first), keys(second)) == (["run002"], ["run001"])


def test_the_cursor_forgets_runs_that_cannot_be_seen_again() -> None:
    """It stays small for ever."""
    _, cursor = evaluate(Condition.ALL_DONE, UPSTREAM, OVERLAP_SECONDS + 2.0, NOTHING_KNOWN, history([{}, {}, {}]))
    assert (cursor.settled_until, dict(cursor.handled)) == (2.0, {"run003": 3.0})
    asks, _ = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, 2000.0, cursor, history([{"a": F}]))
    assert asks == []


def test_a_run_that_was_to_be_started_anew_counts_once_it_is_over_however_late() -> None:
    """Hours after its end, when runs of that time are settled; then once, and not for ever."""
    ended, over = 5.0, 5.0 + 3 * 3600
    run = FinishedRun(run_id="run", ended_at=ended, outcomes={}, is_final=False)
    asks, cursor = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, ended + 1, NOTHING_KNOWN, [run])
    _, cursor = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, over, cursor, [])
    assert (asks, cursor.settled_until > ended) == ([], True)
    failed = replace(run, outcomes={"a": F}, is_final=True)
    asks, cursor = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, over, cursor, [failed])
    again, cursor = evaluate(Condition.AT_LEAST_ONE_FAILED, UPSTREAM, over, cursor, [failed])
    assert (keys(asks), again, dict(cursor.waiting)) == (["run"], [], {})


@given(condition=st.sampled_from(sorted(AT_LEAST_ONE)), runs=HISTORIES, waits=st.lists(st.integers(0, 4), min_size=20))
def test_whenever_it_is_known_how_runs_ended_each_is_asked_for_once(
    condition: Condition, runs: list[FinishedRun], waits: list[int]
) -> None:
    """Each run is final some ticks after it was first seen, which are an hour apart: its time is settled by then."""
    cursor, asked = NOTHING_KNOWN, []
    for tick in range(5):
        seen = [replace(run, is_final=wait <= tick) for run, wait in zip(runs, waits, strict=False)]
        seen = [run if run.is_final else replace(run, outcomes={}) for run in seen]
        asks, cursor = evaluate(condition, UPSTREAM, 3600.0 * (tick + 1), cursor, seen)
        asked += keys(asks)
    assert sorted(asked) == expected_asks(condition, runs)


def test_what_is_known_late_takes_the_place_of_nothing_newer() -> None:
    """Of several outcomes of one in a round the latest counts, and none of before the round."""
    late = FinishedRun(run_id="late", ended_at=1.0, outcomes={}, is_final=False)
    newer = FinishedRun(run_id="newer", ended_at=2.0, outcomes={"a": S})
    _, cursor = evaluate(Condition.ALL_SUCCEEDED, ("a", "b"), 2.0, NOTHING_KNOWN, [late, newer])
    known = replace(late, outcomes={"a": F}, is_final=True)
    asks, cursor = evaluate(Condition.ALL_SUCCEEDED, ("a", "b"), 3.0, cursor, [known])
    last = FinishedRun(run_id="last", ended_at=4.0, outcomes={"b": S})
    asks, cursor = evaluate(Condition.ALL_SUCCEEDED, ("a", "b"), 4.0, cursor, [last])
    assert [(cause.upstream, cause.run_id) for cause in asks[0].causes] == [("a", "newer"), ("b", "last")]


def test_a_clock_that_was_set_back_makes_no_outcome_older_than_those_before() -> None:
    runs = [FinishedRun(run_id="a", ended_at=9000.0, outcomes={"a": F})]
    _, cursor = evaluate(Condition.ALL_SUCCEEDED, ("a", "b"), 9000.0, NOTHING_KNOWN, runs)
    cursor = replace(cursor, round_began=8000.0).set_back(2000.0)
    runs = history([{"a": S}, {"b": S}])
    runs = [replace(run, ended_at=2000.0 + run.ended_at) for run in runs]
    asks, _ = evaluate(Condition.ALL_SUCCEEDED, ("a", "b"), 2010.0, cursor, runs)
    assert keys(asks) == ["run002"]


def test_what_is_known_after_the_end_of_its_round_is_of_no_round() -> None:
    late = FinishedRun(run_id="late", ended_at=1.5, outcomes={}, is_final=False)
    both = [FinishedRun(run_id=name, ended_at=at, outcomes={name: S}) for name, at in (("a", 1.0), ("b", 2.0))]
    asks, cursor = evaluate(Condition.ALL_DONE, ("a", "b"), 2.0, NOTHING_KNOWN, [late, *both])
    _, cursor = evaluate(Condition.ALL_DONE, ("a", "b"), 3.0, cursor, [replace(late, outcomes={"a": F}, is_final=True)])
    assert (keys(asks), dict(cursor.begun)) == (["b"], {})


def test_a_run_that_is_never_over_is_forgotten() -> None:
    run = FinishedRun(run_id="run", ended_at=5.0, outcomes={}, is_final=False)
    _, cursor = evaluate(Condition.ALL_DONE, UPSTREAM, 4.0 + WAITING_SECONDS, NOTHING_KNOWN, [run])
    assert dict(cursor.waiting) == {"run": 5.0}
    _, cursor = evaluate(Condition.ALL_DONE, UPSTREAM, 6.0 + WAITING_SECONDS, cursor, [])
    assert dict(cursor.waiting) == {}


def test_a_round_goes_on_without_what_is_watched_no_more() -> None:
    _, cursor = evaluate(Condition.ALL_DONE, UPSTREAM, 3.0, NOTHING_KNOWN, history([{"a": S}, {"b": S}]))
    asks, _ = evaluate(Condition.ALL_DONE, ("b", "c"), 4.0, cursor, history([{"a": S}, {"b": S}, {"c": F}]))
    assert keys(asks) == ["run003"]


@pytest.mark.parametrize("text", [None, "", "no json", "[]", "7", '{"version": 1}', '{"settled_until": 1, "begun": 2}'])
def test_a_cursor_that_cannot_be_read_counts_as_lost(text: str | None) -> None:
    assert from_json_or_none(RunIfCursor, text) is None

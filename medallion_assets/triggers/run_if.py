"""Run if: a job that runs when some of a set of assets or jobs succeeded, failed or were skipped.

Belongs here: when such a condition is met, and which runs it asks for, as pure functions.
Does not: what became of a run, or the sensors.

Runs that ended are taken in the order in which they ended. A condition about one of the set asks once for each run that
meets it. A condition about all of them asks by rounds: a round ends when each of the set has an outcome since the last
round, and of several outcomes of one the latest counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated

from pydantic import Field, TypeAdapter

from medallion_assets.contracts.triggers import Condition

OVERLAP_SECONDS = 600.0
"""A run that ended may be seen this much later than runs that ended after it."""
WAITING_SECONDS = 2 * 24 * 3600.0
"""After so long nobody says any more that a run which was to be started anew has failed for good."""


EpochSeconds = Annotated[float, Field(ge=0, le=2.0**37)]
"""Until beyond the year 6000, and within what the libraries below take for a moment."""
EPOCH_SECONDS: TypeAdapter[float] = TypeAdapter(EpochSeconds)


class EndStatus(StrEnum):
    """What became of a job or an asset in a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It did not get to run, because something before it failed or a person ended the run."""
    PENDING = "pending"
    """It has not ended yet."""


AT_LEAST_ONE = {
    Condition.AT_LEAST_ONE_SUCCEEDED: EndStatus.SUCCEEDED,
    Condition.AT_LEAST_ONE_FAILED: EndStatus.FAILED,
    Condition.AT_LEAST_ONE_SKIPPED: EndStatus.SKIPPED,
}
"""The conditions that one outcome alone can meet, and which one."""
NEVER = {
    Condition.ALL_SUCCEEDED: {EndStatus.FAILED, EndStatus.SKIPPED},
    Condition.ALL_FAILED: {EndStatus.SUCCEEDED, EndStatus.SKIPPED},
    Condition.NONE_FAILED: {EndStatus.FAILED},
    Condition.ALL_DONE: set[EndStatus](),
}
"""The conditions about all, and the outcomes of which not even one may be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A run that ended, and what became of those in it that a condition is about. `ended_at` is in epoch seconds.

    `is_final`: nobody is to start it anew.
    """

    run_id: str
    ended_at: float
    outcomes: Mapping[str, EndStatus]
    is_final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """An outcome that a run is asked for because of, and when its run ended."""

    upstream: str
    run_id: str
    status: EndStatus
    ended_at: EpochSeconds = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionMet:
    """A run to ask for. `key` is the id of the run whose end met the condition: it meets it once."""

    key: str
    ended_at: float
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIfCursor:
    """What is known already: runs that ended until `settled_until`, those after it in `handled`, and a round begun.

    `handled` holds when each run ended, by its id; `begun` what ended in this round, by its name, and `round_began`
    when the last one ended. `waiting` are runs that were to be started anew, with when they ended: if that comes to
    nothing they count, however late it is known.
    """

    settled_until: EpochSeconds
    handled: Mapping[str, EpochSeconds] = field(default_factory=dict)
    begun: Mapping[str, Cause] = field(default_factory=dict)
    round_began: EpochSeconds = 0.0
    waiting: Mapping[str, EpochSeconds] = field(default_factory=dict)

    def is_new(self, run_id: str, ended_at: float) -> bool:
        """Whether a run has not been handled."""
        return run_id in self.waiting or (ended_at > self.settled_until and run_id not in self.handled)

    def set_back(self, now: float) -> RunIfCursor:
        """The cursor after the clock was set back to `now`: what ends from now on is later than all that it knows."""
        latest = now - OVERLAP_SECONDS
        begun = {name: replace(cause, ended_at=min(cause.ended_at, latest)) for name, cause in self.begun.items()}
        return replace(self, settled_until=latest, begun=begun, round_began=min(self.round_began, latest))


def condition_met(condition: Condition, statuses: Collection[EndStatus]) -> bool | None:
    """Whether outcomes meet a condition; None while that is open, because it depends on those that are pending."""
    if condition in AT_LEAST_ONE:
        if AT_LEAST_ONE[condition] in statuses:
            return True
        return None if not statuses or EndStatus.PENDING in statuses else False
    if NEVER[condition] & set(statuses):
        return False
    if not statuses or EndStatus.PENDING in statuses:
        return None
    return condition is not Condition.NONE_FAILED or EndStatus.SUCCEEDED in statuses


def evaluate(
    condition: Condition, upstream: Collection[str], now: float, cursor: RunIfCursor, runs: Iterable[FinishedRun]
) -> tuple[list[ConditionMet], RunIfCursor]:
    """The runs to ask for, and the next cursor. `runs` holds every run that is new to the cursor.

    Only the names in `upstream` count. `now` is in epoch seconds.
    """
    new = [run for run in runs if cursor.is_new(run.run_id, run.ended_at)]
    fresh = [run for run in new if run.is_final]
    waiting = {**cursor.waiting, **{run.run_id: run.ended_at for run in new}}
    for run in fresh:
        del waiting[run.run_id]
    begun, round_began = {name: cause for name, cause in cursor.begun.items() if name in upstream}, cursor.round_began
    asks = []
    for run in sorted(fresh, key=lambda run: (run.ended_at, run.run_id)):
        ended = {
            name: Cause(upstream=name, run_id=run.run_id, status=run.outcomes[name], ended_at=run.ended_at)
            for name in sorted(upstream)
            if run.outcomes.get(name, EndStatus.PENDING) is not EndStatus.PENDING
        }
        if condition in AT_LEAST_ONE:
            met = [cause for cause in ended.values() if cause.status is AT_LEAST_ONE[condition]]
        else:
            ended = {name: cause for name, cause in ended.items() if _is_later(cause, begun.get(name), round_began)}
            begun |= ended
            is_complete = bool(ended) and set(begun) == set(upstream)
            met = sorted(begun.values(), key=lambda cause: cause.upstream) if is_complete else []
            if is_complete:
                begun, round_began = {}, max(cause.ended_at for cause in met)
        if met and condition_met(condition, [cause.status for cause in met]):
            asks.append(ConditionMet(key=run.run_id, ended_at=run.ended_at, causes=tuple(met)))
    until = max(cursor.settled_until, now - OVERLAP_SECONDS)
    handled = {**cursor.handled, **{run.run_id: run.ended_at for run in fresh}}
    return asks, replace(
        cursor,
        settled_until=until,
        handled={run_id: ended_at for run_id, ended_at in sorted(handled.items()) if ended_at > until},
        begun=begun,
        round_began=round_began,
        waiting={run_id: ended_at for run_id, ended_at in waiting.items() if ended_at > now - WAITING_SECONDS},
    )


def _is_later(cause: Cause, known: Cause | None, round_began: float) -> bool:
    """Whether an outcome is of this round, and not older than what is known; one that is known late may be either."""
    return cause.ended_at >= max(round_began, known.ended_at if known else 0.0)

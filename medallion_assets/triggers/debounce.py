"""Debouncing: when what is pending is asked for, how often again, and when asking ends.

Belongs here: when to ask, which file arrival and table updates share, as a pure function of the clock, what was seen
before, and what is there now.
Does not: what counts as pending, or runs.

The timers mean what Lakeflow Jobs' do. What is still pending after the run that was asked for it has ended, is asked
for again: ever later, a bounded number of times, until something changes.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from medallion_assets.contracts.documents import Moment
from medallion_assets.contracts.policies import Timers

ATTEMPTS = 8
"""Seven waits after failed runs are two hours together: longer than most outages, and no noise for a whole night."""
FIRST_WAIT_SECONDS = 60
"""A stage has tried again what is over in a moment by itself; each further wait is twice as long."""
LONGEST_WAIT_SECONDS = 3600
"""So an outage that ends is noticed within the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is pending, by a signature that changes when it does, and when it changed last."""

    signature: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DebounceState:
    """What is remembered from one look to the next. An empty one does no harm: it asks once too often at most.

    `asked_at` is the last trigger, whatever it was for; `attempts` counts those for `signature`. `active_at` is when a
    run for it was last asked for or seen. `given_up` stays until the signature changes.
    """

    signature: str | None = None
    changed_at: Moment | None = None
    asked_at: Moment | None = None
    active_at: Moment | None = None
    attempts: Annotated[int, Field(ge=0)] = 0
    given_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A run is wanted now; `attempt` counts from 1 for each signature."""

    signature: str
    attempt: int


def debounce(
    now: datetime, state: DebounceState, observation: Observation | None, timers: Timers, *, is_active: bool = False
) -> tuple[Ask | None, DebounceState]:
    """Whether to ask for a run now, and the next state.

    `observation` is None when nothing is pending. `is_active` says that a run for it is queued or running: then nothing
    is asked for, and nobody needs to look (None leaves the state as it is). Look whether it is before looking what is
    pending, or what the run does in between counts as left undone.
    """
    state = _not_after(state, now)
    if observation is not None:
        state = _observed(state, observation, now)
    if is_active:
        return None, replace(state, active_at=now)
    if observation is None:
        return None, DebounceState(asked_at=state.asked_at)
    if state.attempts >= ATTEMPTS:
        return None, replace(state, given_up=True)
    if now < due_at(state, timers):
        return None, state
    attempt = state.attempts + 1
    return Ask(signature=observation.signature, attempt=attempt), replace(
        state, attempts=attempt, asked_at=now, active_at=now
    )


def due_at(state: DebounceState, timers: Timers) -> datetime:
    """When what is pending is asked for, should nothing change until then."""
    return max(_reasons_to_wait(state, timers))[0]


def waiting(now: datetime, state: DebounceState, timers: Timers) -> str:
    """What is waited for, for people: `the quiet time: 34 s`."""
    moment, reason = max(_reasons_to_wait(state, timers))
    return f"{reason}: {math.ceil((moment - now).total_seconds())} s"


def backoff(attempts: int) -> timedelta:
    """How long after the end of the last of some failed runs the next one is asked for."""
    return timedelta(seconds=min(FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, ATTEMPTS), LONGEST_WAIT_SECONDS))


def signature_of(*parts: object) -> str:
    """A short text that differs when any part does; parts are made of what JSON knows."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def _reasons_to_wait(state: DebounceState, timers: Timers) -> list[tuple[datetime, str]]:
    reasons = []
    if state.changed_at is not None:
        quiet = timedelta(seconds=timers.wait_after_last_change_seconds)
        reasons.append((state.changed_at + quiet, "the quiet time"))
    if state.asked_at is not None:
        between = timedelta(seconds=timers.min_time_between_triggers_seconds)
        reasons.append((state.asked_at + between, "the time between two triggers"))
    if state.attempts and state.active_at is not None:
        again = f"attempt {state.attempts + 1} of {ATTEMPTS}"
        reasons.append((state.active_at + backoff(state.attempts), again))
    return reasons


def _observed(state: DebounceState, observation: Observation, now: datetime) -> DebounceState:
    """A new signature begins its attempts anew; the same one may have changed later than it was known to.

    A change that is dated later than now (by another clock) counts from when it was first seen.
    """
    changed_at = min(observation.changed_at, now)
    if state.signature != observation.signature or state.changed_at is None:
        return replace(
            state, signature=observation.signature, changed_at=changed_at, attempts=0, active_at=None, given_up=False
        )
    return replace(state, changed_at=max(state.changed_at, changed_at)) if observation.changed_at <= now else state


def _not_after(state: DebounceState, now: datetime) -> DebounceState:
    """The state without moments that are still to come: a clock that was set back must stop nothing."""
    return replace(
        state,
        changed_at=_earlier(state.changed_at, now),
        asked_at=_earlier(state.asked_at, now),
        active_at=_earlier(state.active_at, now),
    )


def _earlier(known: datetime | None, now: datetime) -> datetime | None:
    return None if known is None else min(known, now)

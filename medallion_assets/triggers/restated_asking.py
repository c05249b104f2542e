"""Asking for restated days: which of the stretches that are lacking to ask for now, and which no more.

Belongs here: the decision as a pure function, and what a sensor remembers between two ticks.
Does not: which stretches are lacking (restated.py), timers and repetitions (debounce.py), or Dagster's runs
(restated_sensors.py).

How often a stretch was asked for is counted from Dagster's runs, which carry what they were asked for. So a lost cursor
neither asks too often nor, by repeating a run key, asks for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from medallion_assets.lakehouse.contracts import Timers
from medallion_assets.triggers.debounce import Ask, Observation, State, decide, moment
from medallion_assets.triggers.restated import Stretch

REQUESTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The runs that were asked for a stretch: how many, and when the last of them was at work last."""

    count: int = 0
    active_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """When a run was last asked for, when each stretch was first seen, and those that are not asked for any more."""

    asked_at: datetime | None = None
    seen: Mapping[str, datetime] = field(default_factory=dict)
    given_up: frozenset[str] = frozenset()

    def dump(self) -> dict[str, Any]:
        """The memory as JSON values."""
        asked_at = self.asked_at.isoformat() if self.asked_at else None
        seen = {key: first.isoformat() for key, first in self.seen.items()}
        return {"asked_at": asked_at, "seen": seen, "given_up": sorted(self.given_up)}

    @classmethod
    def load(cls, values: Any) -> Memory:
        """The memory that was dumped; an empty one if it was not."""
        try:
            seen = {str(key): moment(first) for key, first in values["seen"].items()}
            return cls(
                asked_at=moment(values["asked_at"]),
                seen={key: first for key, first in seen.items() if first is not None},
                given_up=frozenset(map(str, values["given_up"])),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The stretches to ask for, each with its attempt; those that were given up just now; and what to remember."""

    asks: Sequence[tuple[Stretch, Ask]]
    given_up: Sequence[Stretch]
    memory: Memory


def choose(
    now: datetime,
    memory: Memory,
    lacking: Mapping[str, Stretch],
    timers: Timers,
    *,
    busy: Collection[tuple[date, date]],
    attempts: Callable[[str], Attempts],
) -> Decision:
    """Which stretches to ask for, the first of `lacking` (by what names them) first, REQUESTS_AT_ONCE at most.

    A stretch waits while a run is `busy` with any of its days (first and last of each run), for the table's timers, and
    after a failure for a while that grows.
    """
    seen = {key: memory.seen.get(key, now) for key in lacking}
    changed_at = max(seen.values(), default=now)
    asks: list[tuple[Stretch, Ask]] = []
    given_up: dict[str, Stretch] = {}
    for key, stretch in lacking.items():
        if len(asks) == REQUESTS_AT_ONCE:
            break
        past = attempts(key)
        state = State(
            signature=key,
            changed_at=changed_at,
            asked_at=memory.asked_at,
            active_at=past.active_at,
            attempts=past.count,
        )
        is_active = any(stretch.first <= last and first <= stretch.last for first, last in busy)
        observation = Observation(signature=key, changed_at=changed_at)
        ask, after = decide(now, state, observation, timers, is_active=is_active)
        if ask is not None:
            asks.append((stretch, ask))
        if after.given_up:
            given_up[key] = stretch
    return Decision(
        asks=asks,
        given_up=[stretch for key, stretch in given_up.items() if key not in memory.given_up],
        memory=Memory(
            asked_at=now if asks else memory.asked_at,
            seen=seen,
            given_up=frozenset(given_up) | (memory.given_up & lacking.keys()),
        ),
    )

"""Asking for restated days: which of the stretches that are lacking to ask for now, and which no more.

Belongs here: the decision as a pure function, and what a sensor remembers between two ticks.
Does not: which stretches are lacking (restated.py), which go together (restated_batches.py), timers and repetitions
(debounce.py), or Dagster's runs (restated_sensors.py).

How often a batch was asked for is counted from Dagster's runs, which carry what they were asked for. So a lost cursor
neither asks too often nor, by repeating a run key, asks for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from medallion_assets.lakehouse.contracts import Timers
from medallion_assets.run_days import DayRange
from medallion_assets.triggers.cursors import UNREADABLE, moment
from medallion_assets.triggers.debounce import Ask, Observation, State, decide
from medallion_assets.triggers.restated import Stretch
from medallion_assets.triggers.restated_batches import Batch, batches, halves

MOST_IN_FLIGHT = 8
"""So many runs of a table wait in the queue or are at work at once, of those that were asked for here."""
WHOLE_ATTEMPTS = 4
"""A batch that failed so often is asked for in halves, minutes after the first failure: most outages are over by
then, and a day that cannot be built must not hold up the others for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The runs that were asked for a batch: how many, and when the last of them was at work last."""

    count: int = 0
    active_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """When a run was last asked for, when each stretch was first seen, and the batches that are asked for no more."""

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
        except UNREADABLE:
            return cls()

    def until(self, now: datetime) -> Memory:
        """The memory without moments that are still to come: a clock that was set back must stop nothing."""
        return Memory(
            asked_at=self.asked_at and min(self.asked_at, now),
            seen={key: min(first, now) for key, first in self.seen.items()},
            given_up=self.given_up,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The batches to ask for, each with its attempt; those that were given up just now; and what to remember."""

    asks: Sequence[tuple[Batch, Ask]]
    given_up: Sequence[Batch]
    memory: Memory


def choose(
    now: datetime,
    memory: Memory,
    lacking: Mapping[str, Stretch],
    timers: Timers,
    *,
    newest: date,
    busy: Collection[DayRange],
    in_flight: int,
    named: Callable[[Batch], str],
    attempts: Callable[[str], Attempts],
) -> Decision:
    """Which of the stretches that are `lacking` (by what names them) to ask for, in batches, the latest first.

    No more than MOST_IN_FLIGHT runs are in flight then; `in_flight` are already. A stretch waits while a run is `busy`
    with any of its days, for the table's timers, and after a failure for a while that grows. `newest` is the newest
    day that has data, and `named` names a batch, for counting its `attempts`.
    """
    memory = memory.until(now)
    seen = {key: memory.seen.get(key, now) for key in lacking}
    changed_at = max(seen.values(), default=now)
    free = [one for one in lacking.values() if not any(one.first <= last and first <= one.last for first, last in busy)]
    waiting = deque(batches(free, newest=newest))
    asks: list[tuple[Batch, Ask]] = []
    given_up: dict[str, Batch] = {}
    known: set[str] = set()
    while waiting:
        batch = waiting.popleft()
        key = named(batch)
        past = attempts(key)
        if past.count >= WHOLE_ATTEMPTS and len(batch.stretches) > 1:
            waiting.extendleft(reversed(halves(batch)))
            continue
        known.add(key)
        state = State(
            signature=key,
            changed_at=changed_at,
            asked_at=memory.asked_at,
            active_at=past.active_at,
            attempts=past.count,
        )
        ask, after = decide(now, state, Observation(signature=key, changed_at=changed_at), timers)
        if ask is not None and in_flight + len(asks) < MOST_IN_FLIGHT:
            asks.append((batch, ask))
        if after.given_up:
            given_up[key] = batch
    return Decision(
        asks=asks,
        given_up=[batch for key, batch in given_up.items() if key not in memory.given_up],
        memory=Memory(
            asked_at=now if asks else memory.asked_at,
            seen=seen,
            given_up=frozenset(given_up) | (memory.given_up & known),
        ),
    )

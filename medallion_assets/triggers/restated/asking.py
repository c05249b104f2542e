"""Asking for restated days: which of the day ranges that are missing to ask for now, and which no more.

Belongs here: the choice as a pure function, and what a sensor remembers between two ticks.
Does not: which day ranges are missing, which go together, how often they were tried, timers and repetitions, or
Dagster's runs.

What was never tried goes together, in batches. What was tried goes alone: a day that cannot be built fails by itself.
While no run has succeeded since the last failure, all failures may have one cause. Then one of the tried day ranges is
asked for at a time, in place of all of them and ever later, and they are given up together; a run that succeeds sets
the others free.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from medallion_assets.contracts.documents import Moment, Names
from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.run_days import DayRange
from medallion_assets.triggers.debounce import ATTEMPTS, DebounceState, Observation, debounce
from medallion_assets.triggers.restated.attempts import Attempts, PastRun, attempts_at, failures_in_a_row, overlaps
from medallion_assets.triggers.restated.batches import DayBatch, batches, days_apart, oldest_live
from medallion_assets.triggers.restated.days import RestatedRange

MOST_IN_FLIGHT = 8
"""So many runs of a table wait in the queue or are at work at once, of those that were asked for here."""
WHOLE_ATTEMPTS = 4
"""Recent days of a day range that failed so often are asked for one by one.

Most outages are over by then, and a day that cannot be built must not hold up its neighbors for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingCursor:
    """When a run was last asked for, when each day range was first seen, and the days that people know are given up."""

    asked_at: Moment | None = None
    seen: Mapping[str, Moment] = field(default_factory=dict)
    given_up: Names = frozenset()

    def until(self, now: datetime) -> AskingCursor:
        """The memory without moments that are still to come: a clock that was set back must stop nothing."""
        return AskingCursor(
            asked_at=self.asked_at and min(self.asked_at, now),
            seen={key: min(first, now) for key, first in self.seen.items()},
            given_up=self.given_up,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The batches to ask for; the day ranges that were given up just now; and what to remember."""

    asks: Sequence[DayBatch]
    given_up: Sequence[RestatedRange]
    memory: AskingCursor

    def untold(self) -> Chosen:
        """The same, where nobody could be told what was given up: it is given up at the next tick again."""
        told = self.memory.given_up - _names(self.given_up)
        return replace(self, memory=replace(self.memory, given_up=told))


def choose(
    now: datetime,
    memory: AskingCursor,
    missing: Collection[RestatedRange],
    timers: Timers,
    *,
    newest: date,
    busy: Collection[DayRange],
    in_flight: int,
    past: Collection[PastRun],
) -> Chosen:
    """Which of the day ranges that are `missing` to ask for, in batches, those of recent days first.

    No more than MOST_IN_FLIGHT runs are in flight then; `in_flight` are already. A day range waits while a run is
    `busy` with any of its days, for the table's timers, and after a failure for a while that grows. `newest` is the
    newest day that has data, and `past` are the runs that were asked for before.
    """
    memory = memory.until(now)
    seen = {str(day_range): memory.seen.get(str(day_range), now) for day_range in missing}
    changed_at = max(seen.values(), default=now)
    parts = [part for day_range in missing for part in _parts(day_range, attempts_at(day_range, past, now), newest)]
    own = {part: attempts_at(part, past, now) for part in parts}
    tried = [part for part in parts if own[part].count]
    row = failures_in_a_row(tried, past, now)
    waits_for = {part: own[part].and_not_before(row) if own[part].count else own[part] for part in parts}
    free = [part for part in parts if not overlaps(part, busy)]
    over = [part for part in free if waits_for[part].count >= ATTEMPTS]
    again = sorted(
        (part for part in free if own[part].count and part not in over),
        key=lambda part: (-own[part].count, part.last),
        reverse=True,
    )
    if row.count:
        again = [] if any(overlaps(part, busy) for part in tried) else again[:1]

    def is_due(attempts: Attempts) -> bool:
        state = DebounceState(
            signature="",
            changed_at=changed_at,
            asked_at=memory.asked_at,
            active_at=attempts.active_at,
            attempts=attempts.count,
        )
        return debounce(now, state, Observation(signature="", changed_at=changed_at), timers)[0] is not None

    fresh = [part for part in free if not own[part].count and is_due(own[part])]
    alone = [batch for part in again if is_due(waits_for[part]) for batch in batches([part], newest=newest)]
    wanted = sorted([*batches(fresh, newest=newest), *alone], key=lambda batch: not batch.is_live)
    asks = wanted[: max(MOST_IN_FLIGHT - in_flight, 0)]
    return Chosen(
        asks=asks,
        given_up=[part for part in over if not _names([part]) <= memory.given_up],
        memory=AskingCursor(
            asked_at=now if asks else memory.asked_at,
            seen=seen,
            given_up=_names(over) | (memory.given_up & _names(missing)),
        ),
    )


def _parts(day_range: RestatedRange, attempts: Attempts, newest: date) -> list[RestatedRange]:
    """What of a day range goes by itself."""
    is_apart = attempts.count >= WHOLE_ATTEMPTS and day_range.first >= oldest_live(newest)
    return days_apart(day_range) if is_apart else [day_range]


def _names(day_ranges: Iterable[RestatedRange]) -> frozenset[str]:
    """What names the days of some day ranges and the versions they need: the same however day ranges are cut."""
    return frozenset(str(day) for day_range in day_ranges for day in days_apart(day_range))

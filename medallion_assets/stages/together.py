"""Publishing together: which other Gold tables a day waits for before readers see it (rule P6).

Belongs here: what each of these tables lacks of some days, and how long a run waits for it.
Does not: what follows for a run or for what is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from medallion_assets.contracts.pipeline import AsOf, Gold
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.kept_days import kept_as_of_days
from medallion_assets.publishing.days.build_log import BuildLog

LOOK_AGAIN_SECONDS = 0.5
MOMENT_SECONDS = 1.0
"""How long a run waits for a table that no run builds yet: one that is asked for by the same change may begin later."""
MOST_SECONDS = 10.0
"""How long it waits while a run builds the table. It takes one of few places meanwhile, and to begin a run anew, once
the table is there, takes no longer than that."""


@dataclass(frozen=True, kw_only=True)
class OtherRuns:
    """What a run can ask about other runs. By default none is at work, and every audit has passed.

    `build`: whether another one that has begun builds one of some tables. `found_right`: whether what a version of a
    table, or a later one, holds of a day passed its audit.
    """

    build: Callable[[Collection[Table]], bool] = lambda _tables: False
    found_right: Callable[[Snapshot, date, int], bool] = lambda _built, _day, _version: True


@dataclass(frozen=True)
class Companion:
    """A Gold table whose days are published together with those of `beside`, as the lakehouse has both now.

    Both and their source are opened once, and their logs are read once, for all days.
    """

    gold: Gold
    beside: Gold
    lakehouse: Lakehouse
    others: OtherRuns

    def holds_back(self, day: date) -> bool:
        """Whether a day waits for it: it is to be built first, or its audit has not found it right."""
        return self.lacks(day) or not self.is_found_right(day)

    def lacks(self, day: date) -> bool:
        """Whether it has to hold a day and does not, or holds figures from before what `beside` was built from.

        Days of which its source has nothing are never lacking unless it holds them still, and of a table as of days
        those that it does not keep. Readers have the last of these days, so that one has to be there as well.
        """
        # A change that `beside` does not know of either does not count: else both wait for each other.
        up_to = None if self._beside is None else self._beside.source_version(day)
        return any(self._is_missing(shown, up_to) for shown in {day, self._shown(day)})

    def is_found_right(self, day: date) -> bool:
        """Whether its audit found right what readers will have of a day."""
        shown, log = self._shown(day), self._log
        if log is None or shown not in log.built.days:
            return True
        version = log.built_at(shown)
        return self.others.found_right(log.built, shown, 0 if version is None else version)

    def _is_missing(self, day: date, up_to: int | None) -> bool:
        log = self._log
        if log is not None and day in log.built.days:
            return not log.is_up_to_date(day, up_to=up_to)
        return self._has_to_hold(day) and (log is None or not log.is_right(day, up_to=up_to))

    def _shown(self, day: date) -> date:
        """The day in which readers find the figures of a day: the last one, of a table as of days."""
        held = self._log.built.days if self._log is not None and isinstance(self.gold, AsOf) else []
        return max([day, *held])

    def _has_to_hold(self, day: date) -> bool:
        """Whether there is something that a day is made of, and a table as of days keeps it."""
        if (keep_days := self.gold.keep_days) is None:
            return day in self._held
        return bool(kept_as_of_days([day], max(self._held, default=None), keep_days=keep_days))

    @cached_property
    def _opened(self) -> tuple[Snapshot | None, Snapshot | None, Snapshot | None]:
        """The table, `beside` and, after them, their source; None for what was never made."""
        tables = (self.gold.table, self.beside.table, self.gold.source)
        built, beside, source = (self.lakehouse.find(table) for table in tables)
        return built, beside, source

    @cached_property
    def _log(self) -> BuildLog | None:
        built, _, source = self._opened
        return None if built is None else BuildLog(self.gold, built, source)

    @cached_property
    def _beside(self) -> BuildLog | None:
        _, built, source = self._opened
        return None if built is None else BuildLog(self.beside, built, source)

    @cached_property
    def _held(self) -> frozenset[date]:
        *_, source = self._opened
        return frozenset() if source is None else frozenset(source.days)


def companions(lakehouse: Lakehouse, golds: Sequence[Gold], *, beside: Gold, others: OtherRuns) -> list[Companion]:
    """Each of some Gold tables that are published together with another one, as the lakehouse has them now."""
    return [Companion(gold, beside, lakehouse, others) for gold in golds]


def holding_back(found: Iterable[Companion], days: Iterable[date]) -> Iterator[str]:
    """What is missing until some days can be published, for people: a line for each table that holds any back."""
    wanted = sorted(days)
    for companion in found:
        name = companion.gold.table.name
        if missing := [str(day) for day in wanted if companion.lacks(day)]:
            yield f"{name} lacks {', '.join(missing)}"
        elif wrong := [str(day) for day in wanted if not companion.is_found_right(day)]:
            yield f"the audit of {name} has not found {', '.join(wrong)} right"


def wait_until_none(
    look: Callable[[], list[str]],
    *,
    is_built: Callable[[], bool],
    patience_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Look until nothing is missing any more, and give what is when the time is over.

    That is a moment, or longer while somebody builds what is missing; never more than `patience_seconds`.
    """
    began = clock()
    while found := look():
        waited = clock() - began
        longest = MOST_SECONDS if is_built() else MOMENT_SECONDS
        if waited >= min(longest, patience_seconds):
            return found
        sleep(LOOK_AGAIN_SECONDS)
    return []

"""Restated days that wait to be published together with those of other Gold tables (rule P6).

Belongs here: which day ranges of those that are only to be published can go now, and what the others wait for.
Does not: what a table lacks, or asking for runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from medallion_assets.contracts.run_days import contiguous
from medallion_assets.stages.together import Companion
from medallion_assets.triggers.restated.days import RestatedRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The day ranges that can be asked for now, and the days that wait for the tables named."""

    ranges: Sequence[RestatedRange]
    waiting: Sequence[date]
    waits_for: Sequence[str]

    def __str__(self) -> str:
        """What waits, for people; empty where nothing does."""
        if not self.waiting:
            return ""
        return f"{len(self.waiting)} days wait for {', '.join(self.waits_for)} to be built and found right"


def ready_ranges(companions: Collection[Companion], found: Sequence[RestatedRange]) -> Ready:
    """Leave out the days that a companion holds back; what is to be built is built at once."""
    waits: dict[date, list[str]] = {}
    for wanted in found if companions else ():
        for day in () if wanted.builds else wanted.days:
            if names := [companion.gold.table.name for companion in companions if companion.holds_back(day)]:
                waits[day] = names
    return Ready(
        ranges=[part for wanted in found for part in _without(wanted, waits)],
        waiting=sorted(waits),
        waits_for=sorted({name for names in waits.values() for name in names}),
    )


def _without(wanted: RestatedRange, waits: Collection[date]) -> Iterator[RestatedRange]:
    if wanted.builds:
        yield wanted
        return
    for days in contiguous([day for day in wanted.days if day not in waits]):
        yield replace(wanted, first=days[0], last=days[-1])

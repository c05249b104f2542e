"""Restated days that wait to be published together with those of other Gold tables (rule P6).

Belongs here: which day ranges of those that are only to be published can go now, and what the others wait for.
Does not: what a table lacks (stages/together.py), or asking for runs (restated.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import dagster as dg

from medallion_assets.contracts.run_days import contiguous
from medallion_assets.orchestration.sensors.restated_logs import is_audited
from medallion_assets.stages.together import Companion
from medallion_assets.triggers.restated import NEVER, RestatedRange


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


def ready_ranges(
    instance: dg.DagsterInstance, companions: Collection[Companion], found: Sequence[RestatedRange]
) -> Ready:
    """Leave out the days that a companion lacks, or that its audit refused; what is to be built is built at once."""
    waits: dict[date, list[str]] = {}
    for wanted in found if companions else ():
        for day in () if wanted.builds else wanted.days:
            if names := [one.gold.table.name for one in companions if _holds_back(instance, one, day)]:
                waits[day] = names
    return Ready(
        ranges=[part for wanted in found for part in _without(wanted, waits)],
        waiting=sorted(waits),
        waits_for=sorted({name for names in waits.values() for name in names}),
    )


def _holds_back(instance: dg.DagsterInstance, companion: Companion, day: date) -> bool:
    if companion.lacks(day):
        return True
    built = companion.built
    return built is not None and companion.has_to_hold(day) and not is_audited(instance, built, day, NEVER)


def _without(wanted: RestatedRange, waits: Collection[date]) -> Iterator[RestatedRange]:
    if wanted.builds:
        yield wanted
        return
    for days in contiguous([day for day in wanted.days if day not in waits]):
        yield replace(wanted, first=days[0], last=days[-1])

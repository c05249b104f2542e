"""Restated days: what to ask for of the days that a Gold table lacks.

Belongs here: day ranges, as pure functions of the ledger of days.
Does not: which days are missing, or asking for runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter

from medallion_assets.contracts.run_days import contiguous, days_in
from medallion_assets.deriving.day_ledger import DayLedger, to_build, to_publish


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatedRange:
    """Days to ask one run for, `first` to `last`: `builds` Gold from `version` of Silver, or only publishes it.

    Each of them needs this very version, or a later one: so what is changed elsewhere makes it no other day range.
    Without `builds`, `version` is Gold's. `publishes` is false for as-of days that readers would never see.
    """

    first: date
    last: date
    version: int
    builds: bool
    publishes: bool

    def __str__(self) -> str:
        """What names it among the day ranges of its table."""
        days = self.first if self.first == self.last else f"{self.first}...{self.last}"
        return f"{'build' if self.builds else 'publish'} {days}@{self.version}"

    @property
    def days(self) -> list[date]:
        """Its days, ascending."""
        return days_in([(self.first, self.last)])


def restated_ranges(ledger: DayLedger, *, first: date, last: date, live_from: date = date.min) -> list[RestatedRange]:
    """What to ask for of the days `first` to `last`: contiguous days of one kind and version are one day range.

    The latest comes first. None holds days before `live_from` and later ones: live work must not wait for old days.
    Days outside have no partition (yet): they wait.
    """
    building = {day: version for day, version in to_build(ledger).items() if first <= day <= last}
    built = {day for day in ledger.built if first <= day <= last}
    publishing = {
        day: version for day, version in to_publish(ledger).items() if day not in building and first <= day <= last
    }
    greatest = max({*building, *built}, default=None)
    asked = [
        RestatedRange(
            first=days[0],
            last=days[-1],
            version=versions[days[0]],
            builds=builds,
            publishes=not ledger.as_of or days[-1] == greatest,
        )
        for builds, versions in ((True, building), (False, publishing))
        for days in _alike(versions, live_from)
    ]
    return sorted(asked, key=attrgetter("last", "builds"), reverse=True)


def _alike(versions: Mapping[date, int], live_from: date) -> Iterator[list[date]]:
    """Contiguous days of one version that are all live or all not."""
    for days in contiguous(versions):
        for _, alike in groupby(days, key=lambda day: (versions[day], day >= live_from)):
            yield list(alike)

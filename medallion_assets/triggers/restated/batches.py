"""Batches of restated days: which day ranges one run does together.

Belongs here: the grouping, as a pure function of days.
Does not: which day ranges there are, or which batches are asked for now.

A run takes seconds to begin, and reads Silver once for all its days: scattered days in one run cost little more than
one day, and three hundred runs hold up whoever comes after them. Recent days are one batch, older ones one for each
year: so live work waits for none of them, and no run is too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from operator import attrgetter

from medallion_assets.contracts.run_days import days_in
from medallion_assets.triggers.restated.days import RestatedRange

LIVE_DAYS = 31
"""A run of more days than this, or of older ones, is catching up: live work goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBatch:
    """Day ranges of one kind for one run, the latest first; `is_live` when all its days are recent."""

    ranges: tuple[RestatedRange, ...]
    is_live: bool

    @property
    def builds(self) -> bool:
        """Whether Gold is built, not only published."""
        return self.ranges[0].builds

    @property
    def publishes(self) -> bool:
        """Whether readers are to see the days."""
        return self.ranges[0].publishes

    @property
    def version(self) -> int:
        """The version of Silver, or without `builds` of Gold, that the last of the days needs."""
        return max(day_range.version for day_range in self.ranges)

    @property
    def days(self) -> list[date]:
        """Its days, ascending."""
        return days_in((day_range.first, day_range.last) for day_range in self.ranges)


def oldest_live(newest: date) -> date:
    """The first of the recent days; `newest` is the newest day that has data."""
    return newest - timedelta(days=LIVE_DAYS - 1)


def batches(day_ranges: Iterable[RestatedRange], *, newest: date) -> list[DayBatch]:
    """The day ranges in batches, the latest first."""
    groups: dict[tuple[bool, int, bool, bool], list[RestatedRange]] = {}
    for day_range in sorted(day_ranges, key=attrgetter("last", "builds"), reverse=True):
        is_live = day_range.first >= oldest_live(newest)
        year = 0 if is_live else day_range.last.year
        groups.setdefault((is_live, year, day_range.builds, day_range.publishes), []).append(day_range)
    found = [DayBatch(ranges=tuple(group), is_live=is_live) for (is_live, *_), group in groups.items()]
    return sorted(found, key=lambda batch: (batch.is_live, batch.ranges[0].last, batch.builds), reverse=True)


def days_apart(day_range: RestatedRange) -> list[RestatedRange]:
    """The days of a day range, each by itself: one that cannot be built is found apart from the others."""
    return [replace(day_range, first=day, last=day) for day in day_range.days]

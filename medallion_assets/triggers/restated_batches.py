"""Batches of restated days: which stretches one run does together.

Belongs here: the grouping, as a pure function of days.
Does not: which stretches there are (restated.py), or which batches are asked for now (restated_asking.py).

A run takes seconds to begin, and reads Silver once for all its days: scattered days in one run cost little more than
one day, and three hundred runs hold up whoever comes after them. Recent days are one batch, older ones one for each
year: so live work waits for none of them, and no run is too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from medallion_assets.contracts.run_days import days_in
from medallion_assets.triggers.restated import Stretch

LIVE_DAYS = 31
"""A run of more days than this, or of older ones, is catching up: live work goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Stretches of one kind for one run, the latest first; `is_live` when all its days are recent."""

    stretches: tuple[Stretch, ...]
    is_live: bool

    @property
    def builds(self) -> bool:
        """Whether Gold is built, not only published."""
        return self.stretches[0].builds

    @property
    def publishes(self) -> bool:
        """Whether readers are to see the days."""
        return self.stretches[0].publishes

    @property
    def version(self) -> int:
        """The version of Silver, or without `builds` of Gold, that the last of the days needs."""
        return max(one.version for one in self.stretches)

    @property
    def days(self) -> list[date]:
        """Its days, ascending."""
        return days_in((one.first, one.last) for one in self.stretches)


def oldest_live(newest: date) -> date:
    """The first of the recent days; `newest` is the newest day that has data."""
    return newest - timedelta(days=LIVE_DAYS - 1)


def batches(stretches: Iterable[Stretch], *, newest: date) -> list[Batch]:
    """The stretches in batches, the latest first."""
    groups: dict[tuple[bool, int, bool, bool], list[Stretch]] = {}
    for one in sorted(stretches, key=lambda one: (one.last, one.builds), reverse=True):
        is_live = one.first >= oldest_live(newest)
        groups.setdefault((is_live, 0 if is_live else one.last.year, one.builds, one.publishes), []).append(one)
    found = [Batch(stretches=tuple(group), is_live=is_live) for (is_live, *_), group in groups.items()]
    return sorted(found, key=lambda one: (one.is_live, one.stretches[0].last, one.builds), reverse=True)


def days_apart(stretch: Stretch) -> list[Stretch]:
    """The days of a stretch, each by itself: one that cannot be built is found apart from the others."""
    return [replace(stretch, first=day, last=day) for day in stretch.days]

"""Attempts at restated days: how often a day range was tried, and whether all that is tried fails.

Belongs here: counting, as pure functions of earlier runs.
Does not: reading these runs from Dagster, or what follows.

A run that was asked for a day and a version is an attempt at every day range with that day that needs this version or a
lower one, whatever else the run was for: so an attempt counts on, however day ranges and batches change around it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from medallion_assets.contracts.run_days import DayRange
from medallion_assets.triggers.restated.days import RestatedRange


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that was asked for: what for, when, and when it was at work last.

    `succeeded` is null as long as it has not ended, and of one that a person canceled.
    """

    builds: bool
    version: int
    days: Sequence[DayRange]
    asked_at: datetime
    active_at: datetime
    succeeded: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How many there were, and when the last of them was at work last."""

    count: int = 0
    active_at: datetime | None = None

    def and_not_before(self, others: Attempts) -> Attempts:
        """Wait as long as for these and as for the others."""
        moments = [moment for moment in (self.active_at, others.active_at) if moment is not None]
        return Attempts(count=max(self.count, others.count), active_at=max(moments, default=None))


def attempts_at(day_range: RestatedRange, past: Collection[PastRun], now: datetime) -> Attempts:
    """The runs that were asked for any day of a day range.

    What a clock that was set back dates later says no moment.
    """
    runs = [run for run in past if _is_attempt(run, day_range)]
    return Attempts(
        count=len(runs), active_at=max((run.active_at for run in runs if run.active_at <= now), default=None)
    )


def failures_in_a_row(tried: Collection[RestatedRange], past: Collection[PastRun], now: datetime) -> Attempts:
    """The failed attempts at any of some day ranges since a run succeeded; those that ran side by side are one."""
    count, last = 0, None
    for run in sorted((run for run in past if run.active_at <= now), key=attrgetter("active_at")):
        if run.succeeded:
            count, last = 0, None
        elif run.succeeded is False and any(_is_attempt(run, day_range) for day_range in tried):
            count += last is None or run.asked_at >= last
            last = run.active_at
    return Attempts(count=count, active_at=last)


def overlaps(day_range: RestatedRange, days: Collection[DayRange]) -> bool:
    """Whether any of some days is of a day range."""
    return any(day_range.first <= last and first <= day_range.last for first, last in days)


def _is_attempt(run: PastRun, day_range: RestatedRange) -> bool:
    return run.builds == day_range.builds and run.version >= day_range.version and overlaps(day_range, run.days)

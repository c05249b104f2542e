"""Attempts at restated days: how often a stretch was tried, and whether all that is tried fails.

Belongs here: counting, as pure functions of earlier runs.
Does not: reading these runs from Dagster (orchestration/sensors/restated_runs.py), or what follows
(restated_asking.py).

A run that was asked for a day and a version is an attempt at every stretch with that day that needs this version or a
lower one, whatever else the run was for: so an attempt counts on, however stretches and batches change around it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from medallion_assets.contracts.run_days import DayRange
from medallion_assets.triggers.restated import Stretch


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
        moments = [one for one in (self.active_at, others.active_at) if one is not None]
        return Attempts(count=max(self.count, others.count), active_at=max(moments, default=None))


def attempts_at(stretch: Stretch, past: Collection[PastRun], now: datetime) -> Attempts:
    """The runs that were asked for any day of a stretch. What a clock that was set back dates later says no moment."""
    runs = [one for one in past if _is_attempt(one, stretch)]
    return Attempts(
        count=len(runs), active_at=max((one.active_at for one in runs if one.active_at <= now), default=None)
    )


def failures_in_a_row(tried: Collection[Stretch], past: Collection[PastRun], now: datetime) -> Attempts:
    """The failed attempts at any of some stretches since a run succeeded; those that ran side by side are one."""
    count, last = 0, None
    for run in sorted((one for one in past if one.active_at <= now), key=lambda one: one.active_at):
        if run.succeeded:
            count, last = 0, None
        elif run.succeeded is False and any(_is_attempt(run, one) for one in tried):
            count += last is None or run.asked_at >= last
            last = run.active_at
    return Attempts(count=count, active_at=last)


def overlaps(stretch: Stretch, days: Collection[DayRange]) -> bool:
    """Whether any of some days is of a stretch."""
    return any(stretch.first <= last and first <= stretch.last for first, last in days)


def _is_attempt(run: PastRun, stretch: Stretch) -> bool:
    return run.builds == stretch.builds and run.version >= stretch.version and overlaps(stretch, run.days)

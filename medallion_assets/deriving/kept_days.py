"""Kept days: which partitions a Gold table as of days keeps (rule G5).

Belongs here: pure functions of days.
Does not: which days a commit restated (rule H3), or asking for runs (triggers).

The bounds of rule G5, written out. With g the greatest day of a live row in its source, such a table keeps the days
up to g that are the last of their month, or not before g - keep_days: g itself and the 35 days before it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from medallion_assets.contracts.declared import AS_OF_KEEP_DAYS
from medallion_assets.contracts.run_days import days_in


def kept_as_of_days(
    days: Collection[date], greatest_silver_day: date | None, *, keep_days: int = AS_OF_KEEP_DAYS
) -> tuple[date, ...]:
    """Those of `days` that are kept, ascending; none while the source has no live row (None)."""
    if greatest_silver_day is None:
        return ()
    first_recent = greatest_silver_day - timedelta(days=keep_days)
    return tuple(
        day for day in sorted(set(days)) if day <= greatest_silver_day and (day >= first_recent or _ends_month(day))
    )


def missing_as_of_days(
    existing_as_of: Collection[date],
    first_silver_day: date,
    greatest_silver_day: date | None,
    *,
    keep_days: int = AS_OF_KEEP_DAYS,
) -> tuple[date, ...]:
    """The kept as-of days from `first_silver_day` on that have no partition yet, ascending.

    They come up without being restated when the greatest day jumps over days without rows, or falls back. Computing
    them too makes the table a function of Silver alone, however its changes were batched (rule K4).
    """
    if greatest_silver_day is None:
        return ()
    kept = kept_as_of_days(days_in([(first_silver_day, greatest_silver_day)]), greatest_silver_day, keep_days=keep_days)
    return tuple(sorted(set(kept) - set(existing_as_of)))


def housekeeping(
    existing_as_of: Collection[date], greatest_silver_day: date | None, *, keep_days: int = AS_OF_KEEP_DAYS
) -> tuple[date, ...]:
    """The as-of days among `existing_as_of` that are not kept: partitions to drop, ascending."""
    kept = set(kept_as_of_days(existing_as_of, greatest_silver_day, keep_days=keep_days))
    return tuple(day for day in sorted(set(existing_as_of)) if day not in kept)


def _ends_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1

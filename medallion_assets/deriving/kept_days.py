"""Restatement: which partitions of Gold a change of Silver touches, and which are kept (rule G5).

Belongs here: pure functions of days.
Does not: which days a commit restated (rule H3, refining.merge), or asking for runs (triggers).

The bounds of rule G5, written out. With g the greatest day of a live row in Silver, `customer_ltv` keeps the as_of days
up to g that are the last of their month, or not before g - keep_days: g itself and the 35 days before it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from medallion_assets.contracts.pipeline import AS_OF_KEEP_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """The partitions to replace, ascending: days of daily_sales_summary, as-of days of customer_ltv."""

    summary_days: tuple[date, ...]
    ltv_days: tuple[date, ...]


def kept_as_of_days(
    days: Collection[date], greatest_silver_day: date | None, *, keep_days: int = AS_OF_KEEP_DAYS
) -> tuple[date, ...]:
    """Those of `days` that `customer_ltv` keeps, ascending; none while Silver has no live row (None)."""
    if greatest_silver_day is None:
        return ()
    first_recent = greatest_silver_day - timedelta(days=keep_days)
    return tuple(
        day for day in sorted(set(days)) if day <= greatest_silver_day and (day >= first_recent or _ends_month(day))
    )


def restated_partitions(
    restated: Collection[date], greatest_silver_day: date | None, *, keep_days: int = AS_OF_KEEP_DAYS
) -> Restatement:
    """What the `restated` days touch: their summaries, and every kept as-of day from the first of them on.

    A restated day may lie after `greatest_silver_day`, when its last row went: its summary becomes empty, and its as-of
    day is not kept any more (see `housekeeping`).
    """
    summary_days = tuple(sorted(set(restated)))
    ltv_days: tuple[date, ...] = ()
    if summary_days and greatest_silver_day is not None:
        ltv_days = kept_as_of_days(
            _days(summary_days[0], greatest_silver_day), greatest_silver_day, keep_days=keep_days
        )
    return Restatement(summary_days=summary_days, ltv_days=ltv_days)


def missing_as_of_days(
    existing_as_of: Collection[date],
    first_silver_day: date,
    greatest_silver_day: date | None,
    *,
    keep_days: int = AS_OF_KEEP_DAYS,
) -> tuple[date, ...]:
    """The kept as-of days from `first_silver_day` on that have no partition yet, ascending.

    They come up without being restated when the greatest day jumps over days without sales, or falls back. Computing
    them too makes the table a function of Silver alone, however its changes were batched (rule K4).
    """
    if greatest_silver_day is None:
        return ()
    kept = kept_as_of_days(_days(first_silver_day, greatest_silver_day), greatest_silver_day, keep_days=keep_days)
    return tuple(sorted(set(kept) - set(existing_as_of)))


def housekeeping(
    existing_as_of: Collection[date], greatest_silver_day: date | None, *, keep_days: int = AS_OF_KEEP_DAYS
) -> tuple[date, ...]:
    """The as-of days among `existing_as_of` that are not kept: partitions to drop, ascending."""
    kept = set(kept_as_of_days(existing_as_of, greatest_silver_day, keep_days=keep_days))
    return tuple(day for day in sorted(set(existing_as_of)) if day not in kept)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _ends_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1

"""Closed days: which business days a build of dbt models closes, and whether its sources cover them (rule V6).

Belongs here: these days, by the moment at which a build begins.
Does not: noting them in commits, or telling people.

A model may have any partitions, or none. But whatever it says of a day that is over is final only if its sources cover
that day's end; of the day that goes on nobody expects that.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.moments import end_of_business_day, last_business_day
from medallion_assets.delta.row_tables.releases import Release

MOST_DAYS = 31
"""So many days that are not covered are named."""


def closed_days(covered: Coverage, began_at: datetime) -> dict[date, datetime]:
    """The last business day that was over, and those right before it that are not covered; each with its end.

    At most MOST_DAYS, ascending; of sources that cover nothing, or do not say how far they reach, the last day alone.
    """
    last = last_business_day(began_at)
    found = {last: end_of_business_day(last)}
    while covered.until is not None and len(found) < MOST_DAYS:
        day = min(found) - timedelta(days=1)
        if covered.includes(end_of_business_day(day)):
            break
        found[day] = end_of_business_day(day)
    return dict(sorted(found.items()))


def is_complete(covered: Coverage, began_at: datetime) -> bool | None:
    """Whether every business day that was over is covered; None where nobody says how far the sources reach."""
    return covered.includes(end_of_business_day(last_business_day(began_at))) if covered.is_known else None


def provisional_days(release: Release) -> dict[date, datetime]:
    """The days that a release closed although its sources did not cover them; each with its end.

    None of a release that is complete, or of which nobody says it.
    """
    if release.is_complete is not False:
        return {}
    covered = Coverage(release.covered_until)
    closed = closed_days(covered, release.started_at)
    return {day: end for day, end in closed.items() if not covered.includes(end)}

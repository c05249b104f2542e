"""Partitions: what a run is about, as its tags say it: business days, or months.

Belongs here: which days and months there are, and which of them a run names.
Does not: which to ask for (triggers), how tags name days, or Dagster's definitions of partitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from medallion_assets.contracts.moments import business_day
from medallion_assets.contracts.months import Months, months_of
from medallion_assets.contracts.months import first_day as first_day_of_month
from medallion_assets.contracts.run_days import (
    RANGE_END,
    RANGE_START,
    SCATTERED_DAYS,
    days_in,
    days_named,
    parse_days,
    partition_named,
)
from medallion_assets.contracts.table import Table
from medallion_assets.errors import PermanentError
from medallion_assets.errors.pages import page


def month_now(moment: datetime) -> date:
    """The month of a moment, in UTC, by its first day."""
    return first_day_of_month(moment.astimezone(UTC).date())


def loaded_months(tags: Mapping[str, str], *, of: Table, months: Months | None, now: datetime) -> list[date]:
    """The months that a run of such a table is about; none where it has no months.

    Raises:
        PermanentError: the tags name no such month.
    """
    if months is None:
        return []
    return asked_partitions(tags, of=of, first_day=months.first, months=months, now=now)


def asked_partitions(
    tags: Mapping[str, str], *, of: Table, first_day: date, months: Months | None, now: datetime
) -> list[date]:
    """What a run of a table is about: days as `asked_days` gives them, or months, by their first days.

    Raises:
        PermanentError: the tags name no such partition.
    """
    if months is None:
        return asked_days(tags, of=of, first_day=first_day, now=now)
    named, last = days_named(tags), month_now(now)
    try:
        asked = months_of(days_in(parse_days(named or "")))
    except ValueError:
        asked = []
    if not asked or asked[0] < months.first or asked[-1] > last:
        raise PermanentError(
            "a run cannot cover these months",
            where=of.name,
            expected=f"months from {months.first} to {last}, each by its first day, as YYYY-MM-DD",
            found=repr(named) if named else "no month at all",
            do="choose such partitions in the UI; or give `dagster asset materialize` --partition YYYY-MM-01; or set "
            "month: YYYY-MM in the run config of an asset; the table's declaration says which month is the first",
        )
    return asked


def asked_days(tags: Mapping[str, str], *, of: Table, first_day: date, now: datetime) -> list[date]:
    """The days that a run of a table is about, as its tags say, ascending: business days from `first_day` to today.

    Dagster lets a run begin whatever its tags say; so this is asked before anything is done.

    Raises:
        PermanentError: the tags name no day, or what they name is none of these days.
    """
    named, partition = days_named(tags), partition_named(tags)
    days = days_within(named, first_day=first_day, last_day=business_day(now), where=of.name)
    if SCATTERED_DAYS in tags and str(partition) not in map(str, days):
        raise PermanentError(
            f"the run's partition is not among the days of its tag {SCATTERED_DAYS}",
            where=of.name,
            expected=f"one of {named}",
            found=partition or "no partition",
            do=f"set the tags {RANGE_START} and {RANGE_END} to the last of these days, or leave out {SCATTERED_DAYS}",
        )
    return days


def days_within(named: str | None, *, first_day: date, last_day: date, where: str) -> list[date]:
    """The days that are named, all of them from the first to the last; `where` is what cannot be about others.

    Raises:
        PermanentError: no day is named, or one outside.
    """
    found = "no day at all"
    if named is not None:
        try:
            ranges = parse_days(named)
        except ValueError as error:
            found = f"{named!r} ({error})"
        else:
            if first_day <= min(first for first, _ in ranges) and max(last for _, last in ranges) <= last_day:
                return days_in(ranges)
            found = repr(named)
    raise PermanentError(
        "a run cannot cover these days",
        where=where,
        expected=f"business days from {first_day} to {last_day}, each as YYYY-MM-DD, a range with its first day first",
        found=found,
        do="choose such partitions in the UI; or give `dagster asset materialize` --partition DAY or "
        f"--partition-range FIRST...LAST; or tag the run as {page('run_now.md')} says. MEDALLION_FIRST_DAY is the "
        "first day",
    )

"""Moments: between a UTC datetime and the microseconds since 1970 in which records are ordered, or a business day.

Belongs here: the conversions, and what of them a Python datetime can hold.
Does not: which moment counts for what (refining).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MICROS, LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds since 1970: what a datetime can hold."""


def micros(moment: datetime) -> int:
    """A moment as microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """Microseconds since 1970 as a moment: the first or last one that Python can hold, where it lies beyond."""
    return EPOCH + timedelta(microseconds=max(FIRST_MICROS, min(micros, LAST_MICROS)))


def business_day(moment: datetime) -> date:
    """The business day of a moment (which has a zone)."""
    return moment.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)).date()


def last_business_day(moment: datetime) -> date:
    """The last business day that is over at a moment (which has a zone)."""
    return business_day(moment) - timedelta(days=1)


def end_of_business_day(day: date) -> datetime:
    """The first moment after a business day, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(BUSINESS_TIME_ZONE)).astimezone(UTC)

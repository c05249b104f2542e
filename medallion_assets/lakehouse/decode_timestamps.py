"""Timestamps, dates and business days (rules T1 and T5).

Belongs here: the spellings that are accepted, the range, and which reason a refused one has.
Does not: whether an attribute is there and of type S (lakehouse.decode_shapes).

Texts are matched whole before they are parsed: the parser alone takes second 60 for the next minute, and drops
nanoseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from medallion_assets.lakehouse.contracts import BUSINESS_TIME_ZONE

TIMESTAMP_MALFORMED = "timestamp_malformed"
TIMESTAMP_WITHOUT_ZONE = "timestamp_without_zone"
TIMESTAMP_TOO_OLD = "timestamp_too_old"
TIMESTAMP_IN_FUTURE = "timestamp_in_future"
DATE_MALFORMED = "date_malformed"

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""The first moment that a timestamp may name (rule T1)."""

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_LOCAL = f"^{_DATE}T{_TIME}$"
_ZONED = f"^{_DATE}T{_TIME}{_ZONE}$"


def timestamps(text: pl.Expr, *, not_after: pl.Expr) -> pl.Expr:
    """The moments, Datetime("us", "UTC"); null where the text is null or has a reason.

    `not_after` is the moment the export was taken, inclusive.
    """
    moment = _moment(text)
    return pl.when(moment.is_between(EARLIEST, not_after)).then(moment)


def timestamp_reasons(text: pl.Expr, *, not_after: pl.Expr) -> pl.Expr:
    """The reason of each text, null for a good one and for null."""
    moment = _moment(text)
    without_zone = text.str.contains(_LOCAL) & _moment(text + "Z").is_not_null()
    return (
        pl.when(without_zone)
        .then(pl.lit(TIMESTAMP_WITHOUT_ZONE))
        .when(text.is_not_null() & moment.is_null())
        .then(pl.lit(TIMESTAMP_MALFORMED))
        .when(moment < EARLIEST)
        .then(pl.lit(TIMESTAMP_TOO_OLD))
        .when(moment > not_after)
        .then(pl.lit(TIMESTAMP_IN_FUTURE))
    )


def dates(text: pl.Expr) -> pl.Expr:
    """The days; null where the text is null or no real day of the years 1 to 9999 in the form YYYY-MM-DD."""
    return pl.when(text.str.contains(f"^{_DATE}$") & _has_year(text)).then(text.str.to_date("%Y-%m-%d", strict=False))


def date_reasons(text: pl.Expr) -> pl.Expr:
    """`date_malformed` where the text is no day, null elsewhere."""
    return pl.when(text.is_not_null() & dates(text).is_null()).then(pl.lit(DATE_MALFORMED))


def business_dates(moment: pl.Expr) -> pl.Expr:
    """The business day of a moment (rule T5); null for null."""
    return moment.dt.convert_time_zone(BUSINESS_TIME_ZONE).dt.date()


def _moment(text: pl.Expr) -> pl.Expr:
    parsed = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    return pl.when(text.str.contains(_ZONED) & _has_year(text)).then(parsed)


def _has_year(text: pl.Expr) -> pl.Expr:
    # Neither Python nor Spark can hold the year 0.
    return ~text.str.starts_with("0000")

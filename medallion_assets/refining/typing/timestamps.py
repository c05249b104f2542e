"""Timestamps, dates and business days (rules T1 and T5).

Belongs here: the spellings that are accepted, the range, and which reason a refused one has.
Does not: whether a text is there (a source).

Texts are matched whole before they are parsed: the parser alone takes second 60 for the next minute, and drops
nanoseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.contracts.texts import all_match

TIMESTAMP_MALFORMED = "timestamp_malformed"
TIMESTAMP_WITHOUT_ZONE = "timestamp_without_zone"
TIMESTAMP_TOO_OLD = "timestamp_too_old"
TIMESTAMP_IN_FUTURE = "timestamp_in_future"
DATE_MALFORMED = "date_malformed"

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""The first moment that a timestamp may name (rule T1)."""

MOMENT = pl.Datetime("us", "UTC")
_NO_YEAR = "0000"
"""Polars parses the year 0; neither Python nor Spark can hold it."""
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_LOCAL = f"^{_DATE}T{_TIME}$"
_ZONED = f"^{_DATE}T{_TIME}{_ZONE}$"
_SQL_SECONDS = f"^{_DATE} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] UTC$"
_SECONDS = len("2025-01-01T00:00:00")
_WITH_MILLISECONDS = len("2025-01-01T00:00:00.000Z")
_MILLISECONDS = rf"{_DATE}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{3}}Z"
"""The usual spelling."""
_MICROSECOND_DIGITS = 6


def timestamps(text: pl.Series, *, not_after: pl.Series) -> pl.Series:
    """The moments, Datetime("us", "UTC"); null where the text is null or has a reason.

    `not_after` is the last moment that the batch which holds the text allows, inclusive.
    """
    found = _moments(text)
    return found.zip_with(found.is_between(EARLIEST, not_after), pl.Series([None], dtype=found.dtype))


def sql_timestamps(text: pl.Series, *, not_after: pl.Series) -> pl.Series:
    """The same of the spelling `2019-10-01 00:00:00 UTC`, and of no other (rule E2)."""
    parsed = _sql_moments(text)
    in_range = parsed.is_between(EARLIEST, not_after)
    return parsed.zip_with(in_range, pl.Series([None], dtype=parsed.dtype)).alias(text.name)


def sql_timestamp_reasons(text: pl.Series, *, not_after: pl.Series) -> pl.Series:
    """The reason of each text of that spelling, null for a good one and for null."""
    malformed = pl.select(pl.when(text.is_not_null()).then(pl.lit(""))).to_series()
    spelled = malformed.zip_with(_sql_moments(text).is_null(), _iso(text))
    return timestamp_reasons(spelled, not_after=not_after).alias(text.name)


def timestamp_reasons(text: pl.Series, *, not_after: pl.Series) -> pl.Series:
    """The reason of each text, null for a good one and for null."""
    moment = _moments(text)
    has_no_zone = text.str.contains(_LOCAL) & _moments(text + "Z").is_not_null()
    reason = (
        pl.when(has_no_zone)
        .then(pl.lit(TIMESTAMP_WITHOUT_ZONE))
        .when(text.is_not_null() & moment.is_null())
        .then(pl.lit(TIMESTAMP_MALFORMED))
        .when(moment < EARLIEST)
        .then(pl.lit(TIMESTAMP_TOO_OLD))
        .when(moment > not_after)
        .then(pl.lit(TIMESTAMP_IN_FUTURE))
    )
    return pl.select(reason.alias(text.name)).to_series()


def dates(text: pl.Series) -> pl.Series:
    """The days; null where the text is null or no real day of the years 1 to 9999 in the form YYYY-MM-DD."""
    is_day = text.str.contains(f"^{_DATE}$") & ~text.str.starts_with(_NO_YEAR)
    return pl.select(pl.when(is_day).then(text).alias(text.name)).to_series().str.to_date("%Y-%m-%d", strict=False)


def date_reasons(text: pl.Series) -> pl.Series:
    """`date_malformed` where the text is no day, null elsewhere."""
    is_malformed = text.is_not_null() & dates(text).is_null()
    return pl.select(pl.when(is_malformed).then(pl.lit(DATE_MALFORMED)).alias(text.name)).to_series()


def business_dates(moment: pl.Expr) -> pl.Expr:
    """The business day of a moment (rule T5); null for null."""
    return moment.dt.convert_time_zone(BUSINESS_TIME_ZONE).dt.date()


def _moments(text: pl.Series) -> pl.Series:
    """The moments that the texts name, whatever their range; null where a text is malformed or has no zone."""
    is_usual = (text.str.len_bytes() == _WITH_MILLISECONDS) & ~text.str.starts_with(_NO_YEAR)
    usual = pl.select(pl.when(is_usual).then(text)).to_series()
    if not all_match(usual, _MILLISECONDS, length=_WITH_MILLISECONDS):
        return _moments_of_any(text)
    found = usual.str.to_datetime("%Y-%m-%dT%H:%M:%S.%3fZ", time_unit="us", strict=False)
    found = found.dt.replace_time_zone("UTC").alias(text.name)
    others = (~is_usual).arg_true()
    return found.scatter(others, _moments_of_any(text[others])) if others.len() else found


def _moments_of_any(text: pl.Series) -> pl.Series:
    """The same, of any spellings."""
    is_moment = text.str.contains(_ZONED) & ~text.str.starts_with(_NO_YEAR)
    is_utc = is_moment & text.str.ends_with("Z")
    found = _utc_moments(pl.select(pl.when(is_utc).then(text)).to_series())
    has_offset = is_moment & ~is_utc
    if has_offset.any():
        parsed = text.filter(has_offset).str.to_datetime(
            "%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False
        )
        found = found.scatter(has_offset.arg_true(), parsed)
    return found.alias(text.name)


def _utc_moments(text: pl.Series) -> pl.Series:
    """For texts that end in Z and are well-formed: seconds and their fraction are parsed apart.

    Parsing the whole of any length would take three times as long.
    """
    seconds = text.str.slice(0, _SECONDS).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    fraction = text.str.slice(_SECONDS + 1).str.strip_chars_end("Z").str.pad_end(_MICROSECOND_DIGITS, "0")
    micros = seconds.dt.timestamp("us") + fraction.cast(pl.Int64)
    return micros.cast(MOMENT)


def _sql_moments(text: pl.Series) -> pl.Series:
    is_moment = text.str.contains(_SQL_SECONDS) & ~text.str.starts_with(_NO_YEAR)
    whole = pl.select(pl.when(is_moment).then(text.str.slice(0, _SECONDS))).to_series()
    parsed = whole.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    return parsed.dt.replace_time_zone("UTC").alias(text.name)


def _iso(text: pl.Series) -> pl.Series:
    """The texts that are well-formed, in ISO 8601."""
    return text.str.slice(0, _SECONDS).str.replace(" ", "T", literal=True) + "Z"

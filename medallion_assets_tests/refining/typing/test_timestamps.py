"""Timestamps and dates, against a pattern and datetime as the reference (rules T1 and T5)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medallion_assets.refining.typing.timestamps import (
    business_dates,
    date_reasons,
    dates,
    timestamp_reasons,
    timestamps,
)
from medallion_assets_tests.refining.typing.decoding import TO_AT

UTC_MICROS = pl.Datetime("us", "UTC")
_SPELLED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|[+-]\d\d:\d\d)?", re.ASCII)


def decoded(*texts: str) -> list[datetime | str]:
    """The moment or the reason of each."""
    column, not_after = pl.Series("at", texts, dtype=pl.String), pl.Series([TO_AT] * len(texts), dtype=UTC_MICROS)
    moments = timestamps(column, not_after=not_after)
    reasons = timestamp_reasons(column, not_after=not_after)
    assert (moments.name, moments.dtype, reasons.name) == ("at", UTC_MICROS, "at")
    assert all((moment is None) != (reason is None) for moment, reason in zip(moments, reasons, strict=True))
    return [reason or moment for moment, reason in zip(moments, reasons, strict=True)]


def reference(text: str) -> datetime | str:
    """The same from datetime, which knows the calendar."""
    match = _SPELLED.fullmatch(text)
    try:
        local = datetime.fromisoformat(match.group(1)).replace(tzinfo=UTC) if match else None
    except ValueError:
        local = None
    if match is None or local is None:
        return "timestamp_malformed"
    zone = match.group(2)
    if zone is None:
        return "timestamp_without_zone"
    hours, minutes = (0, 0) if zone == "Z" else (int(zone[1:3]), int(zone[4:]))
    if hours > 23 or minutes > 59:
        return "timestamp_malformed"
    offset = timedelta(hours=hours, minutes=minutes)
    if local < datetime(1989, 12, 30, tzinfo=UTC):
        return "timestamp_too_old"
    if local > TO_AT + timedelta(days=2):
        return "timestamp_in_future"
    moment = local + offset if zone.startswith("-") else local - offset
    if moment < datetime(1990, 1, 1, tzinfo=UTC):
        return "timestamp_too_old"
    return "timestamp_in_future" if moment > TO_AT else moment


_NEAR = st.datetimes(datetime(1989, 12, 29), datetime(1990, 1, 3)) | st.datetimes(  # noqa: DTZ001 the zone is spelled
    datetime(2025, 12, 30),  # noqa: DTZ001
    datetime(2026, 1, 4),  # noqa: DTZ001
)
_MOMENTS = st.builds(
    "{}{}{}".format,
    st.builds("{:%Y-%m-%dT%H:%M:%S}".format, _NEAR | st.datetimes()),
    st.sampled_from(("", ".", ".0", ".5", ".123456", ".1234567")),
    st.sampled_from(("Z", "Z", "+00:00", "-00:00", "+05:30", "-23:59", "+24:00", "+05:60", "", "z", "+0530", " Z")),
)
_PARTS = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format,
    st.integers(0, 9999),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
)


@settings(deadline=None)  # a machine that is busy says nothing about the code
@given(st.lists(_MOMENTS | _PARTS | st.text("0123456789-T:.Z+ ", max_size=24), max_size=5))
def test_every_spelling_has_the_moment_or_reason_of_the_reference(texts: list[str]) -> None:
    assert decoded(*texts) == [reference(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-12-31T23:59:59.5Z", datetime(2025, 12, 31, 23, 59, 59, 500_000, UTC)),
        ("2026-01-02T05:30:00.000000+05:30", TO_AT),
        ("1990-01-01T00:00:00Z", datetime(1990, 1, 1, tzinfo=UTC)),
        ("1990-01-01T00:00:00+00:01", "timestamp_too_old"),
        ("0001-01-01T00:00:00+23:59", "timestamp_too_old"),
        ("2026-01-02T00:00:00.000001Z", "timestamp_in_future"),
        ("9999-12-31T23:59:59-23:59", "timestamp_in_future"),
        ("2025-12-31T23:59:59", "timestamp_without_zone"),
        ("2025-02-29T00:00:00", "timestamp_malformed"),
        ("2025-02-29T00:00:00Z", "timestamp_malformed"),
        ("0000-01-01T00:00:00Z", "timestamp_malformed"),
        ("2025-12-31T23:59:60Z", "timestamp_malformed"),
        ("2025-12-31T24:00:00Z", "timestamp_malformed"),
        ("2025-12-31 23:59:59Z", "timestamp_malformed"),
        ("2025-12-31t23:59:59Z", "timestamp_malformed"),
        ("2025-12-31T23:59:59z", "timestamp_malformed"),
        ("2025-12-31T23:59:59.1234567Z", "timestamp_malformed"),
        ("2025-12-31T23:59:59.Z", "timestamp_malformed"),
        ("2025-12-31T23:59Z", "timestamp_malformed"),
        ("2025-12-31", "timestamp_malformed"),
        ("٢025-12-31T23:59:59Z", "timestamp_malformed"),
        ("2025-12-31T23:59:59Z\n", "timestamp_malformed"),
        ("", "timestamp_malformed"),
    ],
)
def test_timestamps(text: str, expected: datetime | str) -> None:
    """Rule T1, both ends inclusive."""
    assert decoded(text) == [expected]


def test_the_usual_spelling_beside_others() -> None:
    """Most are parsed together: those of other forms and lengths are not, and none takes another's place."""
    texts = [
        "2025-02-01T10:00:00.123Z",
        "2025-02-01T10:00:00Z",
        "0000-02-01T10:00:00.123Z",
        "2025-02-01T10:00:00.12+01:00",
        "2025-02-30T10:00:00.123Z",
        "none",
        "2025-02-01T10:00:01.123Z",
    ]
    assert decoded(*texts) == [reference(text) for text in texts]
    malformed = "2025-02-01T10:00:60.123Z"
    assert decoded(*texts, malformed) == [reference(text) for text in (*texts, malformed)]


def test_nothing_is_said_of_null() -> None:
    column, not_after = pl.Series("at", [None], dtype=pl.String), pl.Series([TO_AT], dtype=UTC_MICROS)
    assert timestamps(column, not_after=not_after).to_list() == [None]
    assert timestamp_reasons(column, not_after=not_after).to_list() == [None]
    assert dates(column).to_list() == date_reasons(column).to_list() == [None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("0001-01-01", date(1, 1, 1)),
        *(
            (text, "date_malformed")
            for text in ("2025-02-29", "0000-01-01", "2025-1-01", "20250101", " 2025-01-01", "2025-01-01T00:00:00Z", "")
        ),
    ],
)
def test_dates(text: str, expected: date | str) -> None:
    """A real day, spelled YYYY-MM-DD."""
    column = pl.Series("born", [text])
    assert (date_reasons(column).item() or dates(column).item()) == expected


def test_business_days_change_at_midnight_in_los_angeles() -> None:
    """Rule T5, on both sides of the change to summer time."""
    moments = [
        datetime(2025, 3, 9, 7, 59, 59, 999_999, UTC),
        datetime(2025, 3, 9, 8, tzinfo=UTC),
        datetime(2025, 3, 10, 6, 59, 59, 999_999, UTC),
        datetime(2025, 3, 10, 7, tzinfo=UTC),
    ]
    days = (
        pl.DataFrame({"at": pl.Series(moments, dtype=UTC_MICROS)}).select(business_dates(pl.col("at")))["at"].to_list()
    )
    assert days == [date(2025, 3, 8), date(2025, 3, 9), date(2025, 3, 9), date(2025, 3, 10)]
    assert days == [moment.astimezone(ZoneInfo("America/Los_Angeles")).date() for moment in moments]

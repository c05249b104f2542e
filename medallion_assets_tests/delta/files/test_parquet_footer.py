"""Footers: the figures of a file are those of its rows, and damaged bytes are told as such."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal as Number
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from medallion_assets.contracts.table import Date, Decimal, Float, Integer, Text, TimestampUtc, Type
from medallion_assets.delta.files.parquet_footer import FooterError, footer_length, read_footer
from medallion_assets.delta.schema import polars_type

MOMENT = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def parquet(path: Path, kind: Type, values: list[Any], **options: Any) -> bytes:
    pl.DataFrame({"c": values}, schema={"c": polars_type(kind)}).lazy().sink_parquet(path / "f.parquet", **options)
    return (path / "f.parquet").read_bytes()


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (Text(), "", "é"),
        (Integer(), -(2**63), 2**63 - 1),
        (Decimal(18, 4), Number("-99999999999999.9999"), Number("0.0001")),
        (Decimal(38, 4), Number("-1.25"), Number("1234567890123456789012345678901234.5678")),
        (TimestampUtc(), MOMENT, datetime(9999, 12, 31, tzinfo=UTC)),
        (Date(), date(1, 1, 1), date(1970, 1, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bounds_are_the_least_and_the_greatest_value(tmp_path: Path, kind: Type, low: Any, high: Any) -> None:
    """Of all row groups, negative values among them; what is missing is counted."""
    footer = read_footer(parquet(tmp_path, kind, [high, None, None, low, high, high], row_group_size=2))
    figures = footer.columns["c"]
    assert figures.low is not None
    assert figures.high is not None
    assert (figures.value(figures.low, kind), figures.value(figures.high, kind)) == (low, high)
    assert (footer.rows, figures.nulls) == (6, 2)


@pytest.mark.parametrize(
    "text", ["x" * 64, "x" * 65, "x" * 63 + "é", "é" * 40, "\U0010ffff" * 30, "x" * 60 + "\U0010ffff" * 3, "\x7f" * 70]
)
def test_shortened_text_is_shortened_outwards(tmp_path: Path, text: str) -> None:
    """Readers that skip by it lose no row."""
    figures = read_footer(parquet(tmp_path, Text(), [text])).columns["c"]
    assert figures.low is not None
    assert figures.high is not None
    assert figures.value(figures.low, Text()) <= text <= figures.value(figures.high, Text())


def test_a_column_without_values_and_a_file_without_rows_have_no_bounds(tmp_path: Path) -> None:
    figures = read_footer(parquet(tmp_path, Text(), [None, None])).columns["c"]
    assert (figures.low, figures.high, figures.nulls) == (None, None, 2)
    assert read_footer(parquet(tmp_path, Integer(), [])).rows == 0


def test_moments_that_python_cannot_have_are_no_bounds(tmp_path: Path) -> None:
    moments = pl.DataFrame({"c": [0, 2**62]}, schema={"c": pl.Datetime("us", "UTC")})
    moments.lazy().sink_parquet(tmp_path / "f.parquet")
    figures = read_footer((tmp_path / "f.parquet").read_bytes()).columns["c"]
    assert figures.high is not None
    assert figures.value(figures.high, TimestampUtc()) is None


def test_floats_have_none(tmp_path: Path) -> None:
    """NaN is left out of a footer's bounds."""
    figures = read_footer(parquet(tmp_path, Float(), [1.0, float("nan"), 2.0])).columns["c"]
    assert figures.low is None or figures.value(figures.low, Float()) is None


def test_damaged_bytes_are_an_error_of_their_own(tmp_path: Path) -> None:
    """Whatever is flipped: the footer is read, with other figures or the same, or it is damaged; no other error."""
    whole = parquet(tmp_path, Text(), ["a", "b", None], row_group_size=1)
    for data in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"\xff\xff\xff\x7fPAR1"):
        with pytest.raises(FooterError):
            read_footer(data)
    random = Random(1)
    damaged = 0
    begin = len(whole) - footer_length(whole)
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[random.randrange(begin, len(whole))] ^= 1 << random.randrange(8)
        try:
            read_footer(bytes(flipped))
        except FooterError:
            damaged += 1
    assert damaged > 50

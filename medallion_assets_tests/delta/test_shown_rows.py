"""Moments that Delta can hold and Python cannot are shown."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from medallion_assets.delta.shown_rows import LAST_MICROS, moment, moment_text, shown_rows

NINES = 10**18 - 1
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)


def test_rows_are_as_python_has_them_but_for_moments_beyond_it() -> None:
    micros = [0, None, LAST_MICROS, LAST_MICROS + 1, NINES, -NINES]
    rows = pl.DataFrame({"at": pl.Series(micros).cast(pl.Datetime("us", "UTC")), "key": list("abcdef")})
    shown = [row["at"] for row in shown_rows(rows)]
    assert shown[:3] == [datetime(1970, 1, 1, tzinfo=UTC), None, LAST]
    assert shown[3:] == [
        "253402300800000000 microseconds since 1970 (about the year 9999)",
        "999999999999999999 microseconds since 1970 (about the year 33658)",
        "-999999999999999999 microseconds since 1970 (about the year -29719)",
    ]
    assert [row["key"] for row in shown_rows(rows)] == list("abcdef")
    assert shown_rows(rows.head(3)) == rows.head(3).to_dicts()


@pytest.mark.parametrize("micros", [2**63 - 1, -(2**63), NINES])
def test_no_number_of_microseconds_raises(micros: int) -> None:
    assert moment(micros) in (LAST, datetime(1, 1, 1, tzinfo=UTC))
    assert str(micros) in moment_text(micros)


def test_a_usual_moment_is_written_in_iso_8601() -> None:
    assert moment_text(1_500_000) == "1970-01-01T00:00:01.500000+00:00"

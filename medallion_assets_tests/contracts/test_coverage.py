"""How coverage of several tables combines, and how it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage, furthest, least, parse_coverage
from medallion_assets.contracts.moments import end_of_business_day

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
EARLY, LATE = Coverage(NOON), Coverage(NOON + timedelta(days=1))


@pytest.mark.parametrize(
    ("sources", "reach"),
    [
        ([LATE, EARLY], EARLY),
        ([LATE], LATE),
        ([LATE, NOTHING], NOTHING),
        ([LATE, UNKNOWN], UNKNOWN),
        ([NOTHING, UNKNOWN], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_what_is_made_of_some_tables_reaches_as_far_as_the_least(sources: list[Coverage], reach: Coverage) -> None:
    assert least(sources) == least(reversed(sources)) == reach


@pytest.mark.parametrize(
    ("known", "reach"),
    [([EARLY, LATE, UNKNOWN], LATE), ([UNKNOWN, NOTHING], NOTHING), ([UNKNOWN], UNKNOWN), ([], UNKNOWN)],
)
def test_the_furthest_of_some_is_what_is_known(known: list[Coverage], reach: Coverage) -> None:
    assert furthest(*known) == furthest(*reversed(known)) == reach


def test_a_moment_is_included_once_coverage_is_there() -> None:
    assert EARLY.includes(NOON)
    assert not EARLY.includes(NOON + timedelta(microseconds=1))
    assert not NOTHING.includes(NOON)
    assert LATE.up_to(NOON) == EARLY.up_to(NOON + timedelta(days=9)) == EARLY
    assert (NOTHING.up_to(NOON), UNKNOWN.up_to(NOON)) == (NOTHING, UNKNOWN)


def test_a_note_says_what_was_meant() -> None:
    assert [parse_coverage(str(coverage)) for coverage in (EARLY, NOTHING, UNKNOWN)] == [EARLY, NOTHING, UNKNOWN]
    assert parse_coverage(None) == parse_coverage({"until": 1}) == parse_coverage("2025-13-01") == UNKNOWN
    assert parse_coverage("2025-05-01T12:00:00") == UNKNOWN, "a moment without a zone is none"


def test_a_business_day_ends_when_the_next_one_begins() -> None:
    """In winter, in summer, and on the days of 23 and 25 hours."""
    ends = [
        end_of_business_day(datetime(2025, month, day, tzinfo=UTC).date()) for month, day in ((3, 8), (3, 9), (11, 2))
    ]
    assert ends == [datetime(2025, *moment, tzinfo=UTC) for moment in ((3, 9, 8), (3, 10, 7), (11, 3, 8))]

"""Days in tags: what is written is read back, and what cannot be read counts as every day."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.run_days import (
    DAY,
    EVERY_DAY,
    RANGE_END,
    RANGE_START,
    SCATTERED_DAYS,
    day_tags,
    days_in,
    days_named,
    parse_days,
    ranges_at_work,
    ranges_of,
)
from medallion_assets_tests.properties.examples import examples

FIRST, SECOND, LATER = date(2025, 3, 1), date(2025, 3, 2), date(2025, 4, 7)
days = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@given(st.sets(days, min_size=1, max_size=20))
def test_days_survive_their_tags(some: set[date]) -> None:
    tags = day_tags(ranges_of(some))
    assert days_in(parse_days(days_named(tags) or "")) == sorted(some)
    assert days_in(ranges_at_work(tags)) == sorted(some)


def test_days_without_a_gap_are_a_range_of_dagsters_own() -> None:
    assert day_tags(ranges_of([FIRST, SECOND])) == {RANGE_START: "2025-03-01", RANGE_END: "2025-03-02"}


def test_scattered_days_are_a_run_of_their_last_day_to_dagster() -> None:
    assert day_tags(ranges_of([LATER, FIRST, SECOND])) == {
        RANGE_START: "2025-04-07",
        RANGE_END: "2025-04-07",
        SCATTERED_DAYS: "2025-03-01...2025-03-02, 2025-04-07",
    }


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {DAY: "2025-2-1"},
        {DAY: "20250201"},
        {DAY: "2025-W05-6"},
        {DAY: "yesterday"},
        {DAY: ""},
        {RANGE_START: "2025-03-02", RANGE_END: "2025-03-01"},
        {RANGE_START: "2025-03-02", RANGE_END: "soon"},
        {RANGE_END: "2025-03-02"},
        {SCATTERED_DAYS: "2025-03-01, "},
        {SCATTERED_DAYS: "2025-03-01; 2025-03-04"},
        {SCATTERED_DAYS: "2025-03-01...2025-03-04...2025-03-05"},
    ],
)
def test_what_cannot_be_read_counts_as_every_day(tags: dict[str, str]) -> None:
    assert ranges_at_work(tags) == [EVERY_DAY]


@examples(100)
@given(st.dictionaries(st.sampled_from([DAY, RANGE_START, RANGE_END, SCATTERED_DAYS]), st.text()))
def test_no_tag_is_too_odd(tags: dict[str, str]) -> None:
    assert ranges_at_work(tags)

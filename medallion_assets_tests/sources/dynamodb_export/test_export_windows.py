"""A time that no export covers is exported in windows that DynamoDB accepts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.sources.dynamodb_export.export_windows import LONGEST, SHORTEST, windows_over

START = datetime(2026, 3, 2, 1, 59, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def test_a_day_is_one_window_and_three_days_are_three() -> None:
    assert windows_over(START, START + DAY) == [(START, START + DAY)]
    assert windows_over(START, START + 3 * DAY) == [(START + n * DAY, START + (n + 1) * DAY) for n in range(3)]


def test_what_is_left_of_a_day_is_a_window_of_its_own_and_long_enough() -> None:
    edge = START + DAY - 9 * MINUTE
    assert windows_over(START, START + DAY + 6 * MINUTE) == [(START, edge), (edge, START + DAY + 6 * MINUTE)]


def test_what_is_shorter_than_any_window_has_none() -> None:
    assert windows_over(START, START + SHORTEST - MINUTE) == []
    assert windows_over(START, START + SHORTEST) == [(START, START + SHORTEST)]


@given(st.timedeltas(min_value=SHORTEST, max_value=40 * DAY))
def test_windows_of_any_time_join_up_and_are_accepted(length: timedelta) -> None:
    windows = windows_over(START, START + length)
    assert (windows[0][0], windows[-1][1]) == (START, START + length)
    assert all(before[1] == after[0] for before, after in pairwise(windows))
    assert all(SHORTEST <= to_at - from_at <= LONGEST for from_at, to_at in windows)

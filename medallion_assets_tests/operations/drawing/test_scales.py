"""Scales: values stand where they belong, and ticks are round."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.operations.drawing.scales import (
    Scale,
    fitting_powers,
    from_zero,
    short_number,
    short_seconds,
    time_ticks,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("highest", "top", "ticks"),
    [(97, 100, [0, 25, 50, 75, 100]), (100, 100, [0, 25, 50, 75, 100]), (0, 1, [0, 0.25, 0.5, 0.75, 1]), (3, 3, None)],
)
def test_a_scale_from_zero_ends_at_a_round_value(highest: float, top: float, ticks: list[float] | None) -> None:
    scale = from_zero(highest)
    assert scale.high == pytest.approx(top)
    assert ticks is None or scale.ticks() == ticks
    assert scale.share(highest) <= 1


def test_a_value_beyond_the_ends_is_drawn_at_the_end() -> None:
    scale = Scale(low=10, high=20)
    assert [scale.share(value) for value in (5, 10, 15, 20, 99)] == [0, 0, 0.5, 1, 1]


@pytest.mark.parametrize(("lowest", "highest"), [(0.0, 0.0), (0.2, 0.2), (0.2, 30), (0.05, 86_400 * 40)])
def test_durations_fit_their_scale_whatever_their_span(lowest: float, highest: float) -> None:
    """Equal ratios are equal lengths; both ends are seen, with some ticks between them."""
    scale = fitting_powers(lowest, highest)
    assert 0 <= scale.share(lowest) <= scale.share(highest) <= 1
    assert 1 <= len(scale.ticks()) <= 5 or highest < 0.01
    middle = (scale.low * scale.high) ** 0.5
    assert scale.share(middle) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("span", "first", "count"),
    [(timedelta(hours=5), "13:00", 5), (timedelta(days=1), "18:00", 4), (timedelta(days=30), "6 Mar", 6)],
)
def test_days_and_hours_are_marked(span: timedelta, first: str, count: int) -> None:
    ticks = time_ticks(NOON + timedelta(minutes=1), NOON + span)
    assert (ticks[0][1], len(ticks)) == (first, count)
    assert all(NOON <= at <= NOON + span for at, _ in ticks)


def test_midnight_is_written_as_its_day() -> None:
    assert "2 Mar" in [text for _, text in time_ticks(NOON, NOON + timedelta(days=1))]


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (950, "950"), (1500, "1.5k"), (-2e6, "-2M"), (3.2e9, "3.2bn")])
def test_numbers_at_an_axis_are_short(value: float, text: str) -> None:
    assert short_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.004, "4 ms"), (0.71, "0.71 s"), (28, "28 s"), (90, "1.5 min"), (5400, "1.5 h")]
)
def test_durations_have_the_unit_that_one_would_say(seconds: float, text: str) -> None:
    assert short_seconds(seconds) == text

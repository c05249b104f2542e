"""A wake is over when a look has begun after it; until then the sensor is made due, never in the middle of a look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medallion_assets.orchestration.wakes.pending import (
    BEGIN_SECONDS,
    LONGEST_SECONDS,
    LOOK_SECONDS,
    MOST_TIMES,
    Looks,
    Pending,
)

NOW = 4_000_000_000.0
BEFORE = Looks(began_at=NOW - 10, is_over=True, is_on=True)


def pending(*sensors: str, after_seconds: float = 0.0) -> Pending:
    """Sensors that are woken NOW."""
    found = Pending()
    found.add(sensors, now=NOW, after_seconds=after_seconds)
    return found


def test_a_sensor_that_is_woken_is_due_at_once_and_forgotten_once_it_looks() -> None:
    woken = pending("restated_sales")
    assert woken.seconds_left(NOW) == 0
    assert woken.due_now({"restated_sales": BEFORE}, NOW) == ["restated_sales"]
    assert woken.seconds_left(NOW) == BEGIN_SECONDS
    looks = Looks(began_at=NOW + 0.1, is_over=False, is_on=True)
    assert woken.due_now({"restated_sales": looks}, NOW + 1) == []
    assert woken.seconds_left(NOW + 1) is None


def test_a_look_that_is_under_way_may_have_missed_it_and_is_waited_for() -> None:
    woken = pending("sales")
    assert woken.due_now({"sales": Looks(began_at=NOW - 0.5, is_over=False, is_on=True)}, NOW) == []
    assert woken.seconds_left(NOW) == LOOK_SECONDS
    ended = Looks(began_at=NOW - 0.5, is_over=True, is_on=True)
    assert woken.due_now({"sales": ended}, NOW + LOOK_SECONDS) == ["sales"]


def test_a_look_that_never_ended_keeps_nobody_waiting() -> None:
    """The daemon was killed in the middle of it."""
    dangling = Looks(began_at=NOW - LONGEST_SECONDS - 1, is_over=False, is_on=True)
    assert pending("sales").due_now({"sales": dangling}, NOW) == ["sales"]


def test_a_wake_that_was_overwritten_is_made_again_but_not_for_ever() -> None:
    woken, now, times = pending("sales"), NOW, 0
    while (seconds := woken.seconds_left(now)) is not None:
        now += seconds
        times += woken.due_now({"sales": BEFORE}, now) == ["sales"]
    assert times == MOST_TIMES
    assert now == NOW + MOST_TIMES * BEGIN_SECONDS


def test_a_wake_between_two_decisions_is_not_made_again_early() -> None:
    woken = pending("sales")
    woken.due_now({"sales": BEFORE}, NOW)
    woken.add(["customers"], now=NOW + 0.1)
    assert woken.due_now({"sales": BEFORE, "customers": BEFORE}, NOW + 0.1) == ["customers"]


def test_wakes_within_the_wait_are_one_look_and_put_nothing_off() -> None:
    woken = pending("sales", after_seconds=1.0)
    woken.add(["sales"], now=NOW + 0.9, after_seconds=1.0)
    assert woken.seconds_left(NOW + 0.9) == pytest.approx(0.1, abs=1e-6)
    assert woken.due_now({"sales": BEFORE}, NOW + 0.9) == []
    assert woken.due_now({"sales": BEFORE}, NOW + 1.0) == ["sales"]


def test_a_look_between_two_wakes_is_none_for_the_second() -> None:
    woken = pending("sales")
    woken.add(["sales"], now=NOW + 2)
    between = Looks(began_at=NOW + 1, is_over=True, is_on=True)
    assert woken.due_now({"sales": between}, NOW + 2) == ["sales"]


def test_a_wake_that_is_overdue_is_not_put_off_by_one_that_has_time() -> None:
    """It waited for the end of a look."""
    woken, busy = pending("sales", after_seconds=1.0), Looks(began_at=NOW - 1, is_over=False, is_on=True)
    assert woken.due_now({"sales": busy}, NOW + 1.0) == []
    woken.add(["sales"], now=NOW + 1.3, after_seconds=28.0)
    assert woken.due_now({"sales": replace(busy, is_over=True)}, NOW + 1.3) == ["sales"]


def test_a_look_that_was_made_due_and_wants_the_next_one_later_has_it_then() -> None:
    """It says so before anybody has noticed that its wake is over."""
    woken = pending("sales")
    assert woken.due_now({"sales": BEFORE}, NOW) == ["sales"]
    woken.add(["sales"], now=NOW + 0.3, after_seconds=28.0)
    assert woken.seconds_left(NOW + 0.3) == 28.0


def test_after_a_clock_was_set_back_a_wake_is_not_put_off_to_the_former_time() -> None:
    woken = pending("sales", after_seconds=1.0)
    woken.add(["sales"], now=NOW - 3600, after_seconds=1.0)
    assert woken.seconds_left(NOW - 3600) == 1.0


def test_who_is_switched_off_or_unknown_is_not_woken() -> None:
    woken = pending("off", "never heard of")
    assert woken.due_now({"off": Looks(began_at=NOW - 10, is_over=True, is_on=False)}, NOW) == []
    assert woken.seconds_left(NOW) is None

"""Waiting: as soon as it is so, within the bound, and without taking the machine from those who work."""

from __future__ import annotations

import pytest

from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.services.waiting import LONGEST_REST_SECONDS, POLL_SECONDS, REST, wait_until


class Asking:
    """Takes so long to answer, and says yes the last time; `at` are the moments at which it was asked."""

    def __init__(self, clock: FakeClock, seconds: float, times: int) -> None:
        self._clock, self._seconds, self._times = clock, seconds, times
        self.at: list[float] = []

    def __call__(self) -> bool:
        self.at.append(self._clock())
        self._clock.sleep(self._seconds)
        return len(self.at) == self._times


@pytest.mark.parametrize(
    ("asking_takes", "pause"), [(0.0, POLL_SECONDS), (0.1, REST * 0.1), (5.0, LONGEST_REST_SECONDS)]
)
def test_who_takes_long_to_ask_asks_less_often(asking_takes: float, pause: float) -> None:
    clock = FakeClock()
    asking = Asking(clock, asking_takes, times=3)
    assert wait_until(asking, "it is so", clock=clock, sleep=clock.sleep)
    first, second, third = asking.at
    assert (second - first, third - second) == pytest.approx((asking_takes + pause, asking_takes + pause))


def test_what_does_not_come_is_said_once_the_time_is_over() -> None:
    clock = FakeClock()
    began = clock()
    with pytest.raises(AssertionError, match="not within 10 s: it is so"):
        wait_until(Asking(clock, 0.1, times=1000), "it is so", 10, clock=clock, sleep=clock.sleep)
    assert 10 <= clock() - began < 11

"""A clock that only moves when somebody sleeps on it."""

from __future__ import annotations

import threading


class FakeClock:
    """`clock()` tells the time in seconds, `clock.sleep` moves it on."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._moving = threading.Lock()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._moving:
            self._now += seconds

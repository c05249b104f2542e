"""How fast this project may write to a DynamoDB table: a token bucket steered by what DynamoDB says it charged.

Belongs here: when the next request may go, and what a charge or a refusal changes about that.
Does not: making requests or repeating them (publishing.budgeted_table).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random

from medallion_assets.errors import SettingsError

BURST_SECONDS = 1.0
"""What was left unused may be used later, up to this much; DynamoDB itself keeps more of it (300 s)."""
SLOW_DOWN = 0.85
"""What a refusal leaves of the rate: somebody else writes to the table too."""
SPEED_UP_PER_SECOND = 0.03
"""How much of the target the rate wins back each second."""
SLOWEST = 0.02
"""The share of the target under which the rate never falls."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 5.0


class CapacityLimiter:
    """Spends at most `target_wcu` write capacity units a second, and close to that while there is work (rule P3).

    The bucket starts empty, so that nothing it grants exceeds what a table with the same budget has left. A request
    reserves what it is expected to cost, waits until that much has flowed in, and then reports what DynamoDB charged.
    One limiter stands for one table's budget and may be shared by threads and by publishes.
    """

    def __init__(
        self,
        target_wcu: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Random | None = None,
    ) -> None:
        if not target_wcu > 0:
            raise SettingsError(
                "target_wcu is not a budget",
                expected="write capacity units a second, more than 0",
                found=repr(target_wcu),
                do="set target_wcu to what the table may be charged",
            )
        self.target_wcu = float(target_wcu)
        self.clock = clock
        self._sleep = sleep
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._lock = threading.Lock()
        self._rate = self.target_wcu
        self._balance = 0.0
        self._filled_at = clock()
        self._slowed_at = float("-inf")
        self._paused_until = float("-inf")
        self._refusals_in_a_row = 0

    @property
    def rate(self) -> float:
        """The present pace in write capacity units a second: the target, or less after refusals."""
        return self._rate

    def acquire(self, wcu: float) -> None:
        """Reserve `wcu` and wait until they may be spent."""
        with self._lock:
            self._fill()
            self._balance -= wcu
            wait = max(0.0, -self._balance / self._rate, self._paused_until - self._filled_at)
        while wait > 0:
            self._sleep(wait)
            with self._lock:
                wait = self._paused_until - self.clock()

    def reconcile(self, *, reserved: float, consumed: float, throttled: bool = False) -> None:
        """Put right what `acquire` reserved: `consumed` was charged; `throttled` when capacity was refused.

        A refusal says that the table has nothing left: what this bucket still holds is forgotten, requests pause for
        a moment with jitter, and the pace falls a little, at most once a second.
        """
        with self._lock:
            self._fill()
            self._balance += reserved - consumed
            if not throttled:
                self._refusals_in_a_row = 0
                return
            self._balance = min(self._balance, 0.0)
            self._pause()
            if self._filled_at - self._slowed_at >= 1.0:
                self._slowed_at = self._filled_at
                self._rate = max(self._rate * SLOW_DOWN, self.target_wcu * SLOWEST)

    def back_off(self) -> None:
        """Wait with jitter after a request whose answer was lost, longer each time nothing has succeeded since."""
        with self._lock:
            self._fill()
            self._pause()
            wait = self._paused_until - self._filled_at
        if wait > 0:
            self._sleep(wait)

    def _fill(self) -> None:
        now = self.clock()
        elapsed = max(0.0, now - self._filled_at)
        self._filled_at = now
        self._rate = min(self.target_wcu, self._rate + elapsed * self.target_wcu * SPEED_UP_PER_SECOND)
        self._balance = min(self._balance + elapsed * self._rate, self.target_wcu * BURST_SECONDS)

    def _pause(self) -> None:
        """Full jitter: anything up to a ceiling that doubles with each refusal in a row; one pause for all threads."""
        if self._filled_at < self._paused_until:
            return
        ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._refusals_in_a_row, 10))
        self._refusals_in_a_row += 1
        self._paused_until = self._filled_at + self._random.uniform(0.0, ceiling)

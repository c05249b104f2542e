"""How fast this project may write to a DynamoDB table: a token bucket steered by what DynamoDB says it charged.

Belongs here: when the next request may go, and what a charge or a refusal changes about that.
Does not: making requests or repeating them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random

from medallion_assets.errors import SettingsError
from medallion_assets.publishing.budget.write_shares import WriteShares

BURST_SECONDS = 1.0
"""What was left unused may be used later, up to this much; DynamoDB itself keeps more of it (300 s)."""
SLOW_DOWN = 0.85
"""What a refusal leaves of the rate: somebody else writes to the table too."""
SPEED_UP_PER_SECOND = 0.03
"""How much of the target the rate wins back each second."""
SLOWEST = 0.02
"""The share of the target under which the rate never falls."""
WITHOUT_SHARE_SECONDS = 0.5
"""How long to wait for a share of the common budget before asking for it again."""
WHILE_ASKING_SECONDS = 0.02
"""How long to wait for it while another thread asks."""
SOON = 1e-6
"""Seconds that are no wait: less than a clock tells apart."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 5.0


class CapacityLimiter:
    """Spends at most `target_wcu` write capacity units a second, and close to that while there is work (rule P3).

    The bucket starts empty, so that nothing it grants exceeds what a table with the same budget has left. A request
    reserves what it is expected to cost, waits until that much has flowed in, and then reports what DynamoDB charged.
    One limiter stands for one table's budget and may be shared by threads and by publishes. With `shares` it spends no
    more than this publisher's share of a budget that others use too (rule P7), whatever its target.
    """

    def __init__(
        self,
        target_wcu: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Random | None = None,
        shares: WriteShares | None = None,
    ) -> None:
        if not target_wcu > 0:
            raise SettingsError(
                "target_wcu is not a budget",
                expected="write capacity units per second, more than 0",
                found=repr(target_wcu),
                do="set target_wcu to what the table may be charged",
            )
        self.target_wcu = float(target_wcu)
        self.clock = clock
        self._sleep = sleep
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._lock = threading.Lock()
        self._renewing = threading.Lock()
        self._shares = shares
        self._most = 0.0 if shares else self.target_wcu
        self._ends_at = float("inf")
        self._rate = self._most
        self._reserved = 0.0
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
        self._renew()
        with self._lock:
            self._fill()
            self._balance -= wcu
            self._reserved += wcu
            place = self._reserved
            wait = self._wait(place)
        while wait > SOON:
            self._sleep(wait)
            self._renew()
            with self._lock:
                wait = self._wait(place)

    def release(self) -> None:
        """Give this publisher's share back; the next request asks for one again."""
        if self._shares is not None:
            with self._renewing:
                self._lower(0.0)
                self._shares.release()

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
                self._rate = max(self._rate * SLOW_DOWN, self._most * SLOWEST)

    def back_off(self) -> None:
        """Wait with jitter after a request whose answer was lost, longer each time nothing has succeeded since."""
        with self._lock:
            self._fill()
            self._pause()
            wait = self._paused_until - self._filled_at
        if wait > 0:
            self._sleep(wait)

    def _wait(self, place: float) -> float:
        """How long a request waits by what is known now; `place` is all that was reserved up to it."""
        self._fill()
        missing = place - self._reserved - self._balance
        pause = self._paused_until - self._filled_at
        if missing <= 0:
            return max(0.0, pause)
        if self._rate <= 0:
            return max(WHILE_ASKING_SECONDS if self._renewing.locked() else WITHOUT_SHARE_SECONDS, pause)
        return max(missing / self._rate, pause)

    def _renew(self) -> None:
        """Keep to the share that this publisher has now; what asking for it cost is spent as well.

        One thread asks; the others go on within the share that they have, until it ends.
        """
        if self._shares is None or not self._shares.is_due or not self._renewing.acquire(blocking=False):
            return
        try:
            granted = self._shares.renew(self._lower)
            with self._lock:
                self._fill()
                self._change(min(self.target_wcu, granted.wcu))
                self._ends_at = granted.until
                self._balance -= granted.consumed
        finally:
            self._renewing.release()

    def _lower(self, wcu: float) -> None:
        """Spend no more than `wcu` a second from now on, and forget savings that are more than a burst of it."""
        with self._lock:
            self._fill()
            self._change(min(self._most, wcu))
            self._balance = min(self._balance, self._most * BURST_SECONDS)

    def _change(self, most: float) -> None:
        """Let the pace be at most so much; how far refusals have lowered it stays."""
        self._rate = most * self._rate / self._most if self._most > 0 else most
        self._most = most

    def _fill(self) -> None:
        """Let flow in what has since; nothing after this publisher's share has ended."""
        now = self.clock()
        elapsed = max(0.0, min(now, self._ends_at) - self._filled_at)
        self._filled_at = now
        self._rate = min(self._most, self._rate + elapsed * self._most * SPEED_UP_PER_SECOND)
        self._balance = min(self._balance + elapsed * self._rate, self._most * BURST_SECONDS)
        if now >= self._ends_at:
            self._most, self._rate, self._balance = 0.0, 0.0, min(self._balance, 0.0)

    def _pause(self) -> None:
        """Full jitter: anything up to a ceiling that doubles with each refusal in a row; one pause for all threads."""
        if self._filled_at < self._paused_until:
            return
        ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._refusals_in_a_row, 10))
        self._refusals_in_a_row += 1
        self._paused_until = self._filled_at + self._random.uniform(0.0, ceiling)

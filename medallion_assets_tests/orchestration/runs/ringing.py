"""The timer of a stage's limit, for tests: let it ring in the middle of what the stage does.

Belongs here: bringing it forward. Does not: what is expected of it.
"""

from __future__ import annotations

import signal

from medallion_assets.contracts.policies import Limits
from medallion_assets_tests.services.waiting import wait_until


def ring_now(limits: Limits) -> None:
    """Bring forward the timer that a stage with these limits has set, and wait in any of its threads until it rang."""
    left, again = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < left <= limits.time_limit_seconds
    assert again == 0
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    wait_until(lambda: signal.getitimer(signal.ITIMER_REAL)[0] == 0, "the timer of the limit rings")

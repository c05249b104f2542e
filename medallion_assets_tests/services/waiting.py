"""Waiting for what another process or thread does.

Belongs here: asking again and again within a bound, which is one for a busy machine and no expectation.
Does not: what is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SECONDS = 180.0
POLL_SECONDS = 0.05
REST, LONGEST_REST_SECONDS = 9, 1.0
"""Who asks takes from those who work: the pause is so many times what asking took, up to a second."""
Found = TypeVar("Found")


def wait_until(
    ready: Callable[[], Found],
    what: str | Callable[[], str],
    seconds: float = SECONDS,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Found:
    """What `ready` gives, as soon as that is true; `what` is told, or asked, when it is not within so many seconds."""
    deadline = clock() + seconds
    while True:
        asked_at = clock()
        if found := ready():
            return found
        answered_at = clock()
        assert answered_at < deadline, f"not within {seconds:g} s: {what if isinstance(what, str) else what()}"
        sleep(max(POLL_SECONDS, min(REST * (answered_at - asked_at), LONGEST_REST_SECONDS)))

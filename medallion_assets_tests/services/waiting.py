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
Found = TypeVar("Found")


def wait_until(ready: Callable[[], Found], what: str, seconds: float = SECONDS) -> Found:
    """What `ready` gives, as soon as that is true; `what` is told when it is not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(POLL_SECONDS)
    return found

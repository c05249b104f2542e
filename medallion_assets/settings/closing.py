"""How long a close waits for its sources: what may be set, and how it is explained.

Belongs here: until when it may wait. Does not: what waits, or looking at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

from medallion_assets.settings.values import optional, time_of_day

MINUTES_BETWEEN_LOOKS = 15
"""A close that waits is looked at again at such minutes of an hour."""
LATEST = time(23, 60 - MINUTES_BETWEEN_LOOKS)
"""The last look of a business day. What waited until later would be left: the next look is at another day."""
UNTIL = f"a time of day such as 06:00, {LATEST:%H:%M} at the latest"


def close_waits_until(env: Mapping[str, str]) -> time | None:
    """Until when the close of a day waits, in the business time zone; None where none waits.

    Raises:
        SettingsError: it is no time of day, or behind the last look of one.
    """
    return optional(env, "MEDALLION_CLOSE_WAITS_UNTIL", _looked_at, UNTIL)


def _looked_at(text: str) -> time:
    until = time_of_day(text)
    if until > LATEST:
        raise ValueError(text)
    return until

"""The next look: soon while something happens, and the later the longer nothing has.

Belongs here: when a sensor of arrivals looks next, as a pure function of the clock and its cursor.
Does not: its declared interval, which is the longest, or who makes it look.
"""

from __future__ import annotations

import math
from datetime import datetime

from medallion_assets.triggers.file_arrival import ArrivalCursor

SOON_SECONDS = 5
QUIET_SHARE = 240
"""A look waits for this share of the time in which nothing has happened. With batches every 20 minutes it is soon."""


def seconds_until_next_look(now: datetime, cursor: ArrivalCursor, *, is_told: bool) -> float:
    """How long after this look the next one is worth its cost; infinite where its turn is soon enough.

    A look at everything that is under way goes on soon, and one for a new folder begins soon.
    `is_told`: somebody tells when something arrives; then only what waits is looked at soon, for its time to be over.
    """
    is_listing = cursor.round is not None or cursor.prefixes.has_new_folder
    if is_listing or (cursor.state.signature is not None and not cursor.state.given_up):
        return SOON_SECONDS
    if is_told:
        return math.inf
    quiet = 0.0 if cursor.changed_at is None else (now - cursor.changed_at).total_seconds()
    return max(SOON_SECONDS, quiet / QUIET_SHARE)

"""Export windows: which exports DynamoDB makes of a time that none covers.

Belongs here: the limits of an incremental export, and how a longer time is split.
Does not: what is missing, or the command that asks for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

SHORTEST, LONGEST = timedelta(minutes=15), timedelta(hours=24)
"""What DynamoDB accepts as the window of an incremental export."""


def windows_over(from_at: datetime, to_at: datetime) -> list[tuple[datetime, datetime]]:
    """The windows that cover a time, each joined to the next without overlap; none where it is too short for one.

    A longer window would overlap another one. An item that is created where two overlap and deleted within only one of
    them may stay until the next full export (docs/rules.md, what is open about K1).
    """
    if to_at - from_at < SHORTEST:
        return []
    edges = [from_at]
    while to_at - edges[-1] > LONGEST:
        edges.append(min(edges[-1] + LONGEST, to_at - SHORTEST))
    return list(zip(edges, [*edges[1:], to_at], strict=True))

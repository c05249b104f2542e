"""How often what has arrived is looked for: what may be set.

Belongs here: which values are allowed, and how they are explained.
Does not: when a sensor looks (triggers.next_look).
"""

from __future__ import annotations

LONGEST = 60
"""Dagster's daemon is known to be away after so many seconds."""
STEP = 5
"""It comes round so often."""
BETWEEN_LOOKS = f"a multiple of {STEP} from {STEP} to {LONGEST}"


def seconds_between_looks(text: str) -> int:
    """The longest time between two looks at what has arrived.

    Raises:
        ValueError: it is not allowed.
    """
    seconds = int(text)
    if seconds % STEP or not STEP <= seconds <= LONGEST:
        raise ValueError(text)
    return seconds

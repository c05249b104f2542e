"""What looks at arrivals list, and remember.

Belongs here: the numbers. Does not: looking, or what they are numbers of.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LookLimits:
    """How much one tick of a sensor lists of a table, and how much its cursor holds.

    A tick lists `share_requests` of a look at everything: a page of 1,000 objects takes 0.1 s of a busy core. A quick
    look lists at most `quick_requests`; 3 as a rule. A place of up to `small_objects` is looked through as a whole, for
    that takes three requests too. In a larger one the `prefixes` of the newest batches take turns. So many batches are
    `remembered`, those first that a run can load; a run loads all that are complete.
    """

    share_requests: int = 40
    quick_requests: int = 25
    small_objects: int = 2_000
    prefixes: int = 20
    remembered: int = 100


LIMITS = LookLimits()

"""How often sensors are looked at, for real.

Belongs here: how a cadence is declared so that Dagster's daemon keeps it.
Does not: what a sensor does when it is looked at, or how often each is.

The daemon comes round every LOOP_SECONDS, and passes over a sensor whose last tick began less than
`minimum_interval_seconds` ago. Rounds are a little over LOOP_SECONDS apart, and a tick begins a little after its round:
later than that little as a rule. So a sensor that declares a multiple of LOOP_SECONDS misses most of its rounds.
A sensor that is woken (wakes) is looked at in between.
"""

from __future__ import annotations

from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.settings import Settings

LOOP_SECONDS = 5
"""Dagster's daemon comes round no oftener."""
LATENESS_SECONDS = 3
"""A tick may begin so long after its round (it waits for a thread, or for a busy machine) without missing the next one.
Less than LOOP_SECONDS: no round earlier than the one that is due counts."""
EVERY_SECONDS = LOOP_SECONDS
"""What asks for runs of data that has just arrived is looked at in every round."""
NET_SECONDS = 30
"""What is woken when there is something to see, or only repairs what another run sees to, is looked at so often."""


def woken_every(timers: Timers) -> int:
    """How often a sensor is looked at that is woken: seldom, unless it has to see that the time of a timer is over."""
    return NET_SECONDS if timers == AT_ONCE else EVERY_SECONDS


def arrivals_every(timers: Timers, settings: Settings | None) -> int:
    """How often a sensor looks for what has arrived: as one that is woken, where a queue tells of new exports."""
    return woken_every(timers) if settings is not None and settings.events_queue else EVERY_SECONDS


def minimum_interval(every_seconds: int) -> int:
    """What a sensor declares that is to be looked at every `every_seconds`, a multiple of LOOP_SECONDS.

    Raises:
        ValueError: the daemon cannot look that often, or not at that beat.
    """
    if every_seconds <= 0 or every_seconds % LOOP_SECONDS:
        raise ValueError(f"expected a multiple of {LOOP_SECONDS} s, at which the daemon looks; found: {every_seconds}")
    return every_seconds - LATENESS_SECONDS

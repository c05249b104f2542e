"""How often sensors are looked at, for real.

Belongs here: how a cadence is declared so that Dagster's daemon keeps it.
Does not: what a sensor does when it is looked at, or how often each is.

The daemon comes round every LOOP_SECONDS, and passes over a sensor whose last tick began less than
`minimum_interval_seconds` ago. Rounds are a little over LOOP_SECONDS apart, and a tick begins a little after its round:
later than that little as a rule. So a sensor that declares a multiple of LOOP_SECONDS misses most of its rounds.
A sensor that is woken (wakes) is looked at in between: sensors of arrivals wake themselves while something happens.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.orchestration.wakes.messages import wake
from medallion_assets.settings import Settings
from medallion_assets.settings.looks import LOOP_SECONDS

LATENESS_SECONDS = 3
"""A tick may begin so long after its round (it waits for a thread, or for a busy machine) without missing the next one.
Less than LOOP_SECONDS: no round earlier than the one that is due counts."""
EVERY_SECONDS = LOOP_SECONDS
"""What has to see that the time of a timer is over is looked at in every round."""
LOOK_SECONDS = 1.0
"""A look that follows another begins so much earlier after its end than after its beginning, which is what counts."""


def woken_every(settings: Settings, timers: Timers) -> int:
    """How often a sensor is looked at that is woken: seldom, unless it has to see that the time of a timer is over."""
    return settings.net_seconds if timers == AT_ONCE else EVERY_SECONDS


def arrivals_every(settings: Settings | None) -> int:
    """How often a sensor looks for what has arrived that nobody wakes."""
    return EVERY_SECONDS if settings is None else settings.arrivals_seconds


def is_notified(settings: Settings | None) -> bool:
    """Whether a queue tells of new batches."""
    return settings is not None and bool(settings.events_queue)


def look_again(context: dg.SensorEvaluationContext, sensor: str, seconds: float, *, longest: int) -> None:
    """Wake a sensor that looks now, so that its next look begins in so many seconds, unless its turn comes before."""
    if seconds < longest:
        wake(Path(context.instance.root_directory), [sensor], after_seconds=seconds - LOOK_SECONDS)


def minimum_interval(every_seconds: int) -> int:
    """What a sensor declares that is to be looked at every `every_seconds`, a multiple of LOOP_SECONDS.

    Raises:
        ValueError: the daemon cannot look that often, or not at that beat.
    """
    if every_seconds <= 0 or every_seconds % LOOP_SECONDS:
        raise ValueError(f"expected a multiple of {LOOP_SECONDS} s, at which the daemon looks; found: {every_seconds}")
    return every_seconds - LATENESS_SECONDS

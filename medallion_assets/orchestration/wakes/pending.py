"""Pending wakes: what becomes of a wake until its sensor has looked, as pure functions.

Belongs here: when a sensor is to be made due, when a wake is over, and when to look again.
Does not: who says it, or Dagster's storage.

A wake is over when a look has begun after it was said: that look sees what the wake was about. A look that was under
way already may not, and its end overwrites what made the sensor due meanwhile. So its end is waited for, and the sensor
is made due until a look has begun. Its own interval is the net below.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

LOOK_SECONDS = 0.25
"""How soon is looked at again whether a look that is under way has ended."""
BEGIN_SECONDS = 1.0
"""How long a sensor that is due may take to begin its look before it is made due again."""
LONGEST_SECONDS = 300.0
"""A look takes no longer: Dagster ends it after a minute, or after so long, where it is set as docs/limits.md advises.
A look whose daemon was killed does not wait for that: the next daemon begins another."""
MOST_TIMES = 30
"""So often a sensor is made due for one wake. Without a daemon, or after a clock was set back, its own turn comes."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """When the last look of a sensor began (UNIX seconds, 0: never), and whether it is over.

    `is_on`: whether it looks at all; who switched it off wants no look.
    """

    began_at: float
    is_over: bool
    is_on: bool

    def is_under_way(self, now: float) -> bool:
        """Whether it looks at this moment."""
        return not self.is_over and 0 <= now - self.began_at <= LONGEST_SECONDS


@dataclass(frozen=True, kw_only=True)
class Wake:
    """A sensor that is to begin a look at `due_at` or later, and after the last wake was said, at `said_at`.

    UNIX seconds. `times` is how often it was made due, `again_at` when to look again.
    """

    said_at: float
    due_at: float
    again_at: float
    times: int = 0


@dataclass
class Pending:
    """The wakes that are not over, by sensor."""

    wakes: dict[str, Wake] = field(default_factory=dict)

    def add(self, sensors: Collection[str], *, now: float, after_seconds: float = 0.0) -> None:
        """Take in a wake. One that waits already is not put off: both are one look."""
        for sensor in sensors:
            known, due_at = self.wakes.get(sensor), now + after_seconds
            if known is not None and known.times == 0:  # what was made due no longer waits
                due_at = min(known.due_at, due_at)
            self.wakes[sensor] = Wake(said_at=now, due_at=due_at, again_at=due_at)

    def seconds_left(self, now: float) -> float | None:
        """How long nothing is to be done; None while no wake is pending."""
        return max(0.0, min(wake.again_at for wake in self.wakes.values()) - now) if self.wakes else None

    def due_now(self, looks: Mapping[str, Looks], now: float) -> list[str]:
        """The sensors to be made due now. Wakes that are over are forgotten."""
        due = []
        for sensor, wake in list(self.wakes.items()):
            found = looks.get(sensor)
            if found is None or not found.is_on or found.began_at >= wake.said_at or wake.times >= MOST_TIMES:
                del self.wakes[sensor]
            elif now < wake.again_at:
                continue
            elif found.is_under_way(now):
                self.wakes[sensor] = replace(wake, again_at=now + LOOK_SECONDS)
            else:
                self.wakes[sensor] = replace(wake, again_at=now + BEGIN_SECONDS, times=wake.times + 1)
                due.append(sensor)
        return due

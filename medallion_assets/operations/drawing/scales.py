"""Scales: where a value lies between the ends of an axis, and at which values the axis has ticks.

Belongs here: numbers (evenly, or by powers of ten), days and hours, and how they are written at an axis.
Does not: drawing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

HOURS_ARE_SHOWN = timedelta(days=3)
"""A span so short has ticks at times of day."""
MOST_TIMES = 6
"""An axis of time has about so many steps at most."""
STEPS = (1, 2, 2.5, 5, 10)
SECONDS, MINUTES, HOURS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30), (1, 2, 5, 10, 30), (1, 3, 12, 24, 72, 168, 720)
POWERS = ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis from `low` to `high`; `by_powers`: equal ratios are equal lengths, and both ends are above 0."""

    low: float
    high: float
    by_powers: bool = False

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high end, and never beyond."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.by_powers:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low) if high > low else 0.5

    def ticks(self, most: int = 5) -> list[float]:
        """Round values between its ends, ascending, `most` at most."""
        if self.by_powers:
            return _powers(self.low, self.high, most)
        step = _step(self.high - self.low, most - 1)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


def from_zero(highest: float) -> Scale:
    """A scale from 0 to a round value that is not below `highest`."""
    if highest <= 0:
        return Scale(low=0, high=1)
    step = _step(highest, 4)
    return Scale(low=0, high=math.ceil(highest / step - 1e-9) * step)


def fitting_powers(lowest: float, highest: float) -> Scale:
    """A scale by powers around two values above 0, with some room at both ends; it fits a millisecond and a day."""
    low, high = max(lowest, 1e-3), max(highest, 1e-3)
    return Scale(low=low / 1.3, high=max(high, low * 2) * 1.3, by_powers=True)


def time_ticks(since: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """Midnights (UTC) between two moments, or times of day where they are close, with how they are written."""
    span = until - since
    if span <= HOURS_ARE_SHOWN:
        hours = next((hours for hours in (1, 2, 3, 6, 12, 24) if span / timedelta(hours=hours) <= MOST_TIMES), 24)
        step, form = timedelta(hours=hours), "%H:%M"
    else:
        days = next((days for days in (1, 2, 5, 7, 14) if span / timedelta(days=days) <= MOST_TIMES), 30)
        step, form = timedelta(days=days), "%-d %b"
    tick = since.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while tick <= until:
        if tick >= since:
            found.append((tick, f"{tick:{'%-d %b' if tick.hour == 0 else form}}"))
        tick += step
    return found


def short_number(value: float) -> str:
    """A number as an axis has it: 1.5k, 20m."""
    for size, letter in POWERS:
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def short_seconds(seconds: float) -> str:
    """A duration in the unit that a person would say."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{seconds * 1000:.2g} ms"


def _step(span: float, most: int) -> float:
    """A round step, with at most so many of them in a span."""
    least = span / most
    if least <= 0 or not math.isfinite(least):
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))


def _powers(low: float, high: float, most: int) -> list[float]:
    """Durations that people count in, between two of them: seconds, minutes, hours, days; every so many."""
    known = [0.001, 0.01, *SECONDS, *(60 * minutes for minutes in MINUTES), *(3600 * hours for hours in HOURS)]
    found = [value for value in known if low <= value <= high]
    every = math.ceil(len(found) / most) if found else 1
    return found[::every]

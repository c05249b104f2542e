"""The total of a day or a month, and whether writes of it may be missing (rule V6).

Belongs here: what the totals of days and those of months share.
Does not: reading or drawing them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFigure:
    """The total of the period that begins on `start`.

    `is_provisional` is None where no table declares how far its data reach.
    """

    start: date
    total: float
    is_provisional: bool | None

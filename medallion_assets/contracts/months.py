"""Months: the partitions of tables that come in, and are made, a month at a time (rules E1 to E6).

Belongs here: which months there are, and how they are named: by their first day.
Does not: business days, which Gold has otherwise (rule T5), or replacing a month.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from medallion_assets.errors import PermanentError

MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Months:
    """Calendar months in UTC, from the one that begins on `first`."""

    first: date

    def __post_init__(self) -> None:
        """Refuse a day that is no month.

        Raises:
            PermanentError: `first` is not the first day of a month.
        """
        if self.first != first_day(self.first):
            raise PermanentError(
                f"Months(first={self.first}) does not begin with a month",
                expected=f"the first day of a month, such as {first_day(self.first)}",
                found=str(self.first),
                do="correct it where the table is declared",
            )


def first_day(day: date) -> date:
    """The first day of the month of a day: its name."""
    return date(day.year, day.month, 1)


def month_before(day: date) -> date:
    """The month before that of a day."""
    return _month(_number(day) - 1)


def month_after(day: date) -> date:
    """The month after that of a day."""
    return _month(_number(day) + 1)


def months_of(days: Iterable[date]) -> list[date]:
    """Those of some days that name a month, ascending."""
    return sorted({day for day in days if day == first_day(day)})


def _number(day: date) -> int:
    return day.year * MONTHS_A_YEAR + day.month - 1


def _month(number: int) -> date:
    return date(number // MONTHS_A_YEAR, number % MONTHS_A_YEAR + 1, 1)

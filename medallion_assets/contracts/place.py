"""Places: what a place is in which batches or tables are looked for, so that a wrong one never looks like a quiet one.

Belongs here: the values in which whoever looks says what was found.
Does not: looking (refining, operations).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from medallion_assets.errors import PermanentError

FOLDERS_LOOKED_INTO = 20
"""So many folders a look for what lies elsewhere goes into, however many there are."""
OBJECTS_LOOKED_AT = 1_000
"""And sees so much of each: one page of a bucket."""


class PlaceState(StrEnum):
    """What a place is."""

    FINE = "fine"
    MISSING = "missing"
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    FOREIGN = "not ours"
    """Something lies there, and nothing of it is what is looked for."""
    MISPLACED = "wrong"
    """What is looked for lies beside the place, or what lies there belongs to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A batch that lies where no table looks for it.

    `folder` is where, below the place that was looked at, and empty for that place itself; `table` is the table that
    the batch says it is of, or None.
    """

    folder: str
    table: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStatus:
    """What a place is: `what` is looked for at `url`. The last three are empty where it is fine."""

    what: str
    url: str
    state: PlaceState
    expected: str = ""
    found: str = ""
    do: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether something of ours lies there."""
        return self.state is PlaceState.FINE

    @property
    def error(self) -> PermanentError:
        """For whoever cannot go on with such a place."""
        return PermanentError(f"{self.what} is {self.state}", expected=self.expected, found=self.found, do=self.do)

    def __str__(self) -> str:
        """Say it in one line."""
        return str(self.error) if not self.is_fine else f"{self.what} is {self.state}"

"""Coverage: up to which moment a table's data reach, as its sources declare (rules V1 to V3).

Belongs here: the value, how several of them combine, and how a commit notes it.
Does not: where it follows from, or whether it is far enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every write before `until` (UTC) is in. With None nothing is covered yet, or, not `is_known`, nobody says it."""

    until: datetime | None = None
    is_known: bool = True

    def includes(self, moment: datetime) -> bool:
        """Whether it is certain that every write before a moment is in."""
        return self.until is not None and self.until >= moment

    def up_to(self, moment: datetime) -> Coverage:
        """What of it lies before a moment."""
        return self if self.until is None else Coverage(min(self.until, moment))

    def __str__(self) -> str:
        """As commits and reports say it: a moment, `nothing` or `unknown`; see `parse_coverage`."""
        if self.until is not None:
            return self.until.isoformat()
        return "nothing" if self.is_known else "unknown"


NOTHING = Coverage()
"""Of a source that says what its batches cover, and has none that counts yet."""
UNKNOWN = Coverage(is_known=False)
"""Of a source that declares nothing, or of a table that a release without coverage made."""


def least(sources: Iterable[Coverage]) -> Coverage:
    """How far what is made of some sources reaches: UNKNOWN where one of them is, NOTHING where one covers nothing."""
    found = list(sources)
    if not found or not all(coverage.is_known for coverage in found):
        return UNKNOWN
    reached = [coverage.until for coverage in found if coverage.until is not None]
    return Coverage(min(reached)) if len(reached) == len(found) else NOTHING


def furthest(*known: Coverage) -> Coverage:
    """The one that reaches furthest; what is not known is no reach."""
    reached = [coverage.until for coverage in known if coverage.until is not None]
    if reached:
        return Coverage(max(reached))
    return NOTHING if any(coverage.is_known for coverage in known) else UNKNOWN


def parse_coverage(text: object) -> Coverage:
    """What a text says of coverage; UNKNOWN where it says nothing that this release writes."""
    if text == str(NOTHING):
        return NOTHING
    try:
        until = datetime.fromisoformat(str(text))
    except ValueError:
        return UNKNOWN
    return UNKNOWN if until.tzinfo is None else Coverage(until)

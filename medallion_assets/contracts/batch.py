"""Batches: what comes in at once, whole or not at all, whatever it is to its source (an export, a file, a window).

Belongs here: what refining knows of a batch, above all the moment as of which a full one decides (rule R1).
Does not: finding and reading one (a source), its lines, or how batches join up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from medallion_assets.contracts.moments import micros


class BatchKind(StrEnum):
    """What a batch is of its table; Bronze keeps the names that it was made with."""

    FULL = "FULL_EXPORT"
    """A picture of the whole table: a key that it lacks is deleted."""
    CHANGES = "INCREMENTAL_EXPORT"
    """What was written in a window."""
    PARTITION = "PARTITION"
    """All of one partition: rows of it that are of another batch go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch. `records` counts its lines.

    Changes cover [covers_from, covers_to); of a full batch both are its time. A batch that is a partition covers from
    that partition's first moment, and until when it was written. `uncertainty` is how far before and after
    its time a full batch may have read a row. `origin` tells one life of the table from the next, where it was made
    anew (rule B3), and `owner` is the table itself, as the source names it; both are None where the source has no such
    thing, and Bronze keeps no owner. `started_at` gives Bronze its partition; `version` is the one that brought it.
    """

    id: str
    kind: BatchKind
    covers_from: datetime
    covers_to: datetime
    records: int
    started_at: datetime
    uncertainty: timedelta = timedelta(0)
    origin: str | None = None
    owner: str | None = None
    version: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether it is a picture of the whole table."""
        return self.kind is BatchKind.FULL

    @property
    def partition(self) -> date | None:
        """The partition whose rows it replaces, in UTC; None where it replaces none."""
        return self.covers_from.date() if self.kind is BatchKind.PARTITION else None

    @property
    def is_alone(self) -> bool:
        """Whether it is judged by itself, and not together with those after it: all of a table, or of a partition."""
        return self.kind is not BatchKind.CHANGES

    @property
    def covers_until(self) -> datetime:
        """The moment up to which it holds every write (rule C1); of a full batch S, as of which it decides (R1)."""
        return decides_at(self.covers_to, self.uncertainty) if self.is_full else self.covers_to

    @property
    def decides_at(self) -> int:
        """S in microseconds: the sequence of a full batch's rows, and of the absence of those that it lacks (R1)."""
        if not self.is_full:
            raise ValueError(f"batch {self.id} contains changes, which decide only the keys that they name")
        return micros(self.covers_until)

    @property
    def read_by(self) -> datetime:
        """The latest moment at which a full batch may have read a row."""
        return self.covers_to + self.uncertainty

    @property
    def order(self) -> tuple[datetime, str]:
        """Batches are judged in this order (rule C3)."""
        return self.covers_to, self.id


def decides_at(time: Any, uncertainty: timedelta) -> Any:
    """S: what was committed by then is surely in a full batch of that time (a moment, or a column of them; rule R1)."""
    return time - uncertainty

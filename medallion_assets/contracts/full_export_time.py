"""The time of a full export, and what it is worth: AWS reads the items within the two minutes around it.

Belongs here: the moment as of which a full export decides, S in docs/rules.md, and whether a window covers its minute.
Does not: what follows for rows and for the chain (lakehouse), or for a folder of exports (refining.coverage).

AWS guarantees that a full export holds everything committed up to a minute before its `exportTime` and nothing
committed later than a minute after it. In between it promises nothing, item by item.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

UNCERTAINTY = timedelta(seconds=60)
"""How far before and after its time a full export may have read an item."""

SEQUENCE_RULE = "full-export-minus-60s"
"""Names the rule by which records are ordered (R1). A fingerprint of the rules that made a table includes it: rows that
were made under another rule carry other sequences, and have to be made again."""


def decides_at(export_time: datetime) -> datetime:
    """S: everything that was committed by then is in the export, so it decides every key that is older (K1)."""
    return export_time - UNCERTAINTY


class Window(Protocol):
    """An export, as either room has it; a full one has its time in both edges."""

    @property
    def export_id(self) -> str: ...  # noqa: D102
    @property
    def from_at(self) -> datetime: ...  # noqa: D102
    @property
    def to_at(self) -> datetime: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class UnprotectedMinute:
    """A window that joined a full export although no window covers `covered_until` to `window_from` between them.

    `full_export_id` is the full export, `export_id` the window.
    """

    full_export_id: str
    export_id: str
    covered_until: datetime
    window_from: datetime

    def __str__(self) -> str:
        """Name it for a person."""
        return (
            f"full export {self.full_export_id} surely holds what was written by {self.covered_until.isoformat()}, and "
            f"the window of export {self.export_id} begins at {self.window_from.isoformat()}: writes between the two "
            "may be in neither; export a window that covers them, or make a full export"
        )


def unprotected_minute(
    fulls: Iterable[Window], windows: Iterable[Window], starts_at: datetime | None = None
) -> UnprotectedMinute | None:
    """The window that joined the newest full export within its minute, unless another covers what lies between (C1).

    A full export decides everything that is older, so only the newest one's minute can be open. Where the contract
    lets a chain begin at a later moment (`starts_at`), that moment counts.
    """
    full = max(fulls, key=lambda export: (export.to_at, export.export_id), default=None)
    if full is None:
        return None
    sure = decides_at(full.to_at)
    covered = max(sure, starts_at or sure)
    for window in sorted(windows, key=lambda window: (window.from_at, window.export_id)):
        if covered < window.from_at <= full.to_at:
            return UnprotectedMinute(
                full_export_id=full.export_id,
                export_id=window.export_id,
                covered_until=covered,
                window_from=window.from_at,
            )
        covered = max(covered, window.to_at)
    return None

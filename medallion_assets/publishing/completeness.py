"""Completeness: what a pointer or watermark tells readers of how sure their figures are (rules P1, P2, V6).

Belongs here: the attributes, and the condition that they become surer.
Does not: how far a day is covered, or writing pointers and watermarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medallion_assets.contracts.coverage import Coverage
from medallion_assets.publishing.attributes import Item, to_item

COMPLETE_UNTIL, IS_COMPLETE = "complete_until", "is_complete"
SURER = f"(attribute_not_exists({COMPLETE_UNTIL}) OR {COMPLETE_UNTIL} < :{COMPLETE_UNTIL})"
"""The condition that an item says less than `Completeness.values`: moments in UTC sort as text."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Up to when no write is missing of some figures (UTC), and whether that is all of their day."""

    until: datetime
    is_complete: bool

    @classmethod
    def of(cls, coverage: Coverage, end: datetime) -> Completeness | None:
        """Of a day that ends at `end`; None where nothing is known of it."""
        return None if coverage.until is None else cls(coverage.until, coverage.includes(end))

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> Completeness | None:
        """What a pointer or watermark says; None of one that says nothing."""
        if COMPLETE_UNTIL not in item:
            return None
        return cls(datetime.fromisoformat(item[COMPLETE_UNTIL]["S"]), bool(item[IS_COMPLETE]["BOOL"]))

    @property
    def attributes(self) -> dict[str, object]:
        """As they stand in an item."""
        return {COMPLETE_UNTIL: self.until.isoformat(), IS_COMPLETE: self.is_complete}

    @property
    def values(self) -> Item:
        """The values of SURER, and of a change to it."""
        return to_item({f":{name}": value for name, value in self.attributes.items()})

    def is_surer_than(self, item: Mapping[str, Any]) -> bool:
        """Whether a pointer or watermark says less."""
        before = Completeness.of_item(item)
        return before is None or before.until < self.until

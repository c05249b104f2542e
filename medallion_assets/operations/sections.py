"""Sections: what an answer for people is made of, and figures as text.

Belongs here: the vocabulary: a section with its table.
Does not: what the sections say, or how they look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from medallion_assets.errors.long_texts import largest_first


@dataclass(frozen=True, slots=True)
class Row:
    """Cells as a person reads them; a bad row is set off."""

    cells: tuple[str, ...]
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; `figures` names the columns that hold numbers."""

    columns: tuple[str, ...]
    rows: list[Row]
    figures: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the answer: a table with a `note` on what it means, or the words for having nothing to show."""

    title: str
    nothing: str
    grid: Grid
    note: str = ""


def format_minute(moment: datetime | None) -> str:
    """A moment to the minute; nothing for none."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def format_count(number: int | None) -> str:
    """A number with commas; nothing for none."""
    return "" if number is None else f"{number:,}"


def format_counts(figures: Mapping[str, int]) -> str:
    """Names with their counts, the largest first."""
    return ", ".join(f"{name}: {count:,}" for name, count in largest_first(figures))


def format_age(age: timedelta) -> str:
    """An age, in the unit that a person would say."""
    seconds = max(age.total_seconds(), 0)
    for unit, size, limit in (("min", 60, 120), ("h", 3600, 48)):
        if seconds < size * limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"

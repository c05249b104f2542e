"""Figures: what a report shows people besides plain numbers and text.

Belongs here: small tables, and counts in one line.
Does not: which figures a stage has, or how Dagster shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from medallion_assets.contracts.coverage import Coverage, furthest
from medallion_assets.errors.long_texts import cut, largest_first, listed
from medallion_assets.errors.visible_text import visible

PREVIEW_CHARACTERS = 120
COUNTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Rows:
    """A few rows; every row has the same names, and values are text."""

    records: tuple[Mapping[str, str], ...]

    @property
    def names(self) -> list[str]:
        """The names of its columns."""
        return list(self.records[0]) if self.records else []


@dataclass(frozen=True, slots=True)
class Location:
    """Where something lies: a path, or a URL."""

    url: str


def as_table(rows: list[dict[str, Any]], *, longest: int = PREVIEW_CHARACTERS) -> Rows:
    """Rows as they are shown; values are text, and cut where they have more than `longest` characters."""
    names = list(rows[0]) if rows else []
    return Rows(tuple({name: _text(row[name], longest) for name in names} for row in rows))


def markdown_table(rows: list[dict[str, Any]], *, longest: int = PREVIEW_CHARACTERS) -> str:
    """Rows as a Markdown table; values of more than `longest` characters are cut."""
    if not rows:
        return "no rows"
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    cells = ([_text(row[name], longest).replace("|", "\\|") for name in names] for row in rows)
    lines += [f"| {' | '.join(line)} |" for line in cells]
    return "\n".join(lines)


def counts(figures: Mapping[str, int]) -> str:
    """Names and counts in one line, the largest first; COUNTS_SHOWN of them, and long names cut: items choose them."""
    shown = [f"{visible(cut(name, PREVIEW_CHARACTERS))}: {count:,}" for name, count in largest_first(figures)]
    return listed(shown, COUNTS_SHOWN) or "none"


def completeness_figures(days: Mapping[date, tuple[Coverage, datetime]]) -> dict[str, Any]:
    """Whether days are complete, by how far the sources of each reach and when it ends (rule V6).

    `is_complete` is left out where nobody says how far one of them reaches.
    """
    reach = furthest(*(coverage for coverage, _ in days.values()))
    provisional = [str(day) for day, (coverage, end) in sorted(days.items()) if not coverage.includes(end)]
    is_known = bool(days) and all(coverage.is_known for coverage, _ in days.values())
    return {
        "sources_covered_until": str(reach),
        **({"is_complete": not provisional} if is_known else {}),
        "provisional_days": provisional if is_known else [],
    }


def _text(value: Any, longest: int) -> str:
    return visible(cut("" if value is None else str(value), longest)).replace("\n", " ")

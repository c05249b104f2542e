"""Sections: what the page is made of.

Belongs here: the vocabulary: a section with its charts or its table, a legend, a figure at the top.
Does not: what the sections say (contents.py, listings.py), or how they look (page.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medallion_assets.operations.dashboard.charts import Chart


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of a legend."""

    colour: str
    symbol: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """Cells as a person reads them; a bad row is set off."""

    cells: tuple[str, ...]
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table."""

    columns: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page: charts, a table, or the words for having nothing to show."""

    name: str
    title: str
    lead: str
    nothing: str
    charts: Sequence[Chart] = ()
    legend: tuple[Mark, ...] = ()
    grid: Grid | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.charts and (self.grid is None or not self.grid.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure at the top, and the section that tells more."""

    figure: str
    label: str
    section: str
    is_bad: bool

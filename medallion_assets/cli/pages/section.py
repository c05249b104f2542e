"""How tables look in a terminal: those of sections, and of every other page.

Belongs here: layout and colour of any table.
Does not: what stands in one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from medallion_assets.cli.terminal import as_typed
from medallion_assets.operations.sections import Section


def grid(columns: Iterable[str], *, figures: Collection[str] = (), title: str | None = None) -> Grid:
    """An empty table; columns of `figures` are aligned on the right. Long cells are folded, never cut."""
    empty = Grid(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD)
    for name in columns:
        empty.add_column(name, justify="right" if name in figures else "left", overflow="fold")
    return empty


def section_page(section: Section) -> RenderableType:
    """The table of a section under its title, and its note, or the words for having none; bad rows stand out."""
    if not section.grid.rows:
        return Text.assemble((section.title, "bold"), as_typed(f": {section.nothing}"))
    page = grid(section.grid.columns, figures=section.grid.figures, title=section.title)
    for row in section.grid.rows:
        page.add_row(*(Text(as_typed(cell)) for cell in row.cells), style="bold red" if row.is_bad else None)
    return Group(page, Text(section.note, style="dim")) if section.note else page

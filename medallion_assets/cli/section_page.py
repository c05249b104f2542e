"""How sections look in a terminal.

Belongs here: layout and colour of any section that is a table.
Does not: what sections say (operations.status_sections).
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from medallion_assets.operations.sections import Section


def section_page(section: Section) -> RenderableType:
    """The table of a section under its title, or the words for having none; rows that are bad stand out."""
    if section.grid is None or not section.grid.rows:
        return Text.assemble((section.title, "bold"), f": {section.nothing}")
    grid = RichTable(
        title=section.title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD
    )
    for name in section.grid.columns:
        grid.add_column(name, justify="right" if name in section.grid.figures else "left", overflow="fold")
    for row in section.grid.rows:
        grid.add_row(*(Text(cell) for cell in row.cells), style="bold red" if row.is_bad else None)
    return grid

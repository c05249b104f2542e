"""How a validation looks in a terminal.

Belongs here: layout and colour.
Does not: what was found.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from medallion_assets.cli.pages.answers import place_panel
from medallion_assets.errors import message_of
from medallion_assets.operations.validation import Validation


def validation_page(found: Validation) -> RenderableType:
    """The contracts that can be kept, those that cannot, every wrong place, and every column that no item fills."""
    lines: list[RenderableType] = []
    for table, records in found.tables.items():
        looked = f"looked for its columns in {records:,} records" if records else "no batch of it was found to check"
        lines.append(Text(f"{table}: its contract can be kept; {looked}"))
    for unkept in found.unkept:
        words = message_of(unkept.what, expected=unkept.expected, found=unkept.found, do=unkept.do)
        lines.append(Text(words, style="bold red"))
    lines.extend(place_panel(place) for place in found.wrong_places)
    for unfilled in found.unfilled:
        words = f"{unfilled.table}: no record fills {unfilled.column} (source {unfilled.source}); {unfilled.do}"
        lines.append(Text(words, style="bold red"))
    return Group(*lines)

"""How a validation looks in a terminal.

Belongs here: layout and colour.
Does not: what was found.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from medallion_assets.cli.pages.answers import place_panel
from medallion_assets.errors import message_of
from medallion_assets.errors.counted import number_of
from medallion_assets.operations.unfit_columns import Unfilled
from medallion_assets.operations.validation import Validation


def validation_page(found: Validation) -> RenderableType:
    """The contracts that can be kept, those that cannot, every wrong place, and every column without good values."""
    lines: list[RenderableType] = []
    unfit = {column.table for column in (*found.misread, *(each for each in found.unfilled if each.is_sure))}
    for table, records in found.tables.items():
        looked = f"looked for its columns in {number_of(records, 'record')}"
        verdict = "its contract does not fit its records" if table in unfit else "its contract can be kept"
        lines.append(Text(f"{table}: {verdict}; {looked if records else 'no batch of it was found to check'}"))
    for unkept in found.unkept:
        words = message_of(unkept.what, expected=unkept.expected, found=unkept.found, do=unkept.do)
        lines.append(Text(words, style="bold red"))
    lines.extend(place_panel(place) for place in found.wrong_places)
    for misread in found.misread:
        every = "the one record that has it" if misread.records == 1 else f"all {misread.records:,} that have it"
        what = f"{misread.column} (source {misread.source}) is bad in {every}"
        words = message_of(what, where=misread.table, found=misread.found, do=misread.do)
        lines.append(Text(words, style="bold red"))
    styles = {True: "bold red", False: "yellow"}
    lines.extend(Text(_unfilled(unfilled), style=styles[unfilled.is_sure]) for unfilled in found.unfilled)
    return Group(*lines)


def _unfilled(unfilled: Unfilled) -> str:
    """Of a column that may only be rare nothing is to be done."""
    what = f"fills {unfilled.column} (source {unfilled.source})"
    if not unfilled.is_sure:
        looked = number_of(unfilled.records, "record")
        return f"{unfilled.table}: of {looked} none {what}; nobody can tell from so few whether it is only rare"
    return f"{unfilled.table}: no {'change' if unfilled.of_changes else 'record'} {what}; {unfilled.do}"

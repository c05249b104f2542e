"""How a rebuild looks in a terminal.

Belongs here: layout and colour.
Does not: figures; the rebuild brings them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from medallion_assets.cli.pages.section import grid
from medallion_assets.cli.terminal import as_typed
from medallion_assets.delta.replacing.table_changes import Rebuilt, TableChanges
from medallion_assets.errors.long_texts import listed
from medallion_assets.operations.sections import format_counts

CHANGE_STYLES = {"added": "green", "changed": "yellow", "gone": "red"}
DAYS_SHOWN = 10
VALUES_SHOWN = 4


def rebuilt_page(done: Rebuilt) -> RenderableType:
    """What changed, or would change, with some examples, and what comes next."""
    changes = done.changes
    what = "would change" if done.dry_run else f"rebuilt as version {done.version}"
    parts: list[RenderableType] = [Text.assemble((done.table, "bold"), f": {what}"), _figures(done)]
    if changes.examples:
        parts.append(_examples(changes))
    notes = [
        ("restated days", listed([str(day) for day in sorted(changes.restated)], DAYS_SHOWN)),
        ("newly bad", format_counts(changes.newly_bad)),
        ("newly good", format_counts(changes.newly_good)),
        ("accepted although they fail the gate", listed(done.accepted, DAYS_SHOWN)),
        ("left out, lost by Bronze or of another source", listed(done.dropped, DAYS_SHOWN)),
        ("kept unchanged: cannot be read again", listed(done.kept, DAYS_SHOWN)),
        ("of these, from another source", listed(list(done.foreign), DAYS_SHOWN)),
    ]
    parts += [Text.assemble((f"{name}: ", "dim"), words) for name, words in notes if words]
    parts += [Text.assemble(("next: ", "dim"), as_typed(step)) for step in done.next_steps]
    return Group(*parts)


def _figures(done: Rebuilt) -> Grid:
    changes = done.changes
    figures = {
        "added": changes.added,
        "changed": changes.changed,
        "gone": changes.gone,
        "days restated": len(changes.restated),
        "batches read again": done.exports,
    }
    page = grid(figures, figures=figures)
    page.add_row(*(Text(f"{figure:,}", style=CHANGE_STYLES.get(name, "")) for name, figure in figures.items()))
    return page


def _examples(changes: TableChanges) -> Grid:
    page = grid(("example", "key", "before", "after"))
    for example in changes.examples:
        key = ", ".join(str(value) for value in example.key.values())
        cells = (example.change, key, _values(example.before), _values(example.after))
        page.add_row(*cells, style=CHANGE_STYLES.get(example.change))
    return page


def _values(values: Mapping[str, Any]) -> str:
    shown = [f"{name} {value}" for name, value in list(values.items())[:VALUES_SHOWN]]
    return ", ".join(shown) + (" …" if len(values) > VALUES_SHOWN else "")

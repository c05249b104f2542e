"""Table changes: what a rebuild changes of a table, counted by key, with some examples.

Belongs here: comparing the rows of a table with those that take their place, one part of bounded size at a time, and
what a rebuild reports.
Does not: making the rows, or committing them.

Only what readers see is compared: live rows, and the columns that do not start with `_`. A column that the table has
with another type is cast for the comparison; one that it lacks counts as null.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from medallion_assets.contracts.columns import IS_DELETED, VALID_FROM
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import conformed, polars_schema
from medallion_assets.delta.shown_rows import shown_rows

EXAMPLES = 5
"""So many are shown of each kind of change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row that is added, changed or gone: its key, and the values that differ, before and after."""

    change: str
    key: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class TableChanges:
    """How many rows are added, changed and gone; the days whose rows differ; some examples.

    `newly_bad` and `newly_good` count records by reason: of a record that is good now, by the reasons it had.
    """

    added: int = 0
    changed: int = 0
    gone: int = 0
    restated: set[date] = field(default_factory=set)
    newly_bad: Counter[str] = field(default_factory=Counter)
    newly_good: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether readers see any difference."""
        return bool(self.added or self.changed or self.gone)


@dataclass(kw_only=True)
class Rebuilt:
    """What a rebuild changed, or with `dry_run` would change. `version` is the table's after it.

    `exports` counts those that were judged or read again; `accepted` names those that fail the gate by the current
    contract and were let in by the person who rebuilt; `dropped` those that Bronze has lost and the table goes without;
    `kept` those of Bronze that could not be read again and stay as they are; `foreign` those of them of another
    source, with why.
    `next_steps` are for people.
    """

    table: str
    version: int
    dry_run: bool
    exports: int = 0
    accepted: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    foreign: dict[str, str] = field(default_factory=dict)
    changes: TableChanges = field(default_factory=TableChanges)
    next_steps: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Comparison:
    """Compares a table part by part; a part is a partition, or all rows of some keys.

    A key whose row moves to another partition is added in one part and gone in another: it counts as changed at last.
    """

    table: Table
    changes: TableChanges = field(default_factory=TableChanges)
    _added: list[pl.DataFrame] = field(default_factory=list)
    _gone: list[pl.DataFrame] = field(default_factory=list)

    @property
    def key(self) -> list[str]:
        """What tells rows apart: a history has several of a key."""
        return [*self.table.row_id, *([VALID_FROM] if self.table.history else [])]

    def add(self, before: pl.DataFrame, after: pl.DataFrame, *, day: date | None = None) -> bool:
        """Count how one part differs, and give whether it does; a partition of a `day` is restated then (rule H3)."""
        old, new = self._seen(before), self._seen(after)
        names, key = new.columns, self.key
        added, gone = _missing(new, old, key), _missing(old, new, key)
        differs = new.join(old, on=names, how="anti", nulls_equal=True)
        changed = _missing(differs, added, key)
        self.changes.changed += changed.height
        self._added.append(added.select(key))
        self._gone.append(gone.select(key))
        self._show("added", added.head(EXAMPLES), None)
        self._show("gone", None, gone.head(EXAMPLES))
        shown = changed.head(EXAMPLES)
        self._show(
            "changed", shown, shown.select(key).join(old, on=key, how="left", maintain_order="left", nulls_equal=True)
        )
        found = bool(added.height or gone.height or changed.height)
        if found and day is not None:
            self.changes.restated.add(day)
        return found

    def finish(self) -> TableChanges:
        """The changes of all parts together."""
        if self._added:
            added, gone = pl.concat(self._added), pl.concat(self._gone)
            moved = added.join(gone, on=self.key, how="semi", nulls_equal=True).height
            self.changes.added += added.height - moved
            self.changes.gone += gone.height - moved
            self.changes.changed += moved
            self._added, self._gone = [], []
        return self.changes

    def _seen(self, rows: pl.DataFrame) -> pl.DataFrame:
        """What readers see of rows, in the contract's columns and types."""
        has_tombstones = self.table.has_tombstones and IS_DELETED in rows.columns
        live = rows.filter(~pl.col(IS_DELETED).fill_null(value=False)) if has_tombstones else rows
        wanted = {
            name: kind
            for name, kind in polars_schema(self.table).items()
            if not name.startswith("_") or name in self.table.row_id
        }
        return conformed(live.lazy(), pl.Schema(wanted)).collect()

    def _show(self, change: str, after: pl.DataFrame | None, before: pl.DataFrame | None) -> None:
        room = EXAMPLES - sum(example.change == change for example in self.changes.examples)
        rows = (after if after is not None else before if before is not None else pl.DataFrame()).head(max(room, 0))
        olds = shown_rows(before) if change == "changed" and before is not None else []
        for number, row in enumerate(shown_rows(rows)):
            key = {name: row[name] for name in self.key}
            if olds:
                old = olds[number]
                names = [name for name in row if row[name] != old[name]]
                example = Example(
                    change=change,
                    key=key,
                    before={name: old[name] for name in names},
                    after={name: row[name] for name in names},
                )
            else:
                values = {name: value for name, value in row.items() if name not in key}
                example = Example(change=change, key=key, **{"after" if after is not None else "before": values})
            self.changes.examples.append(example)


def _missing(rows: pl.DataFrame, others: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows whose key no other has; a part of a key may be null, as where null is a group of its own."""
    return rows.join(others, on=key, how="anti", nulls_equal=True)

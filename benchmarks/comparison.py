"""A table of a lakehouse beside the table in DynamoDB that it is a copy of.

Belongs here: counting what differs, each kind by its name.
Does not: how either came about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from medallion_assets_tests.oracle.decode import FIELDS, KEYS, Row, decode_row
from medallion_assets_tests.oracle.real_state import FAR
from medallion_assets_tests.oracle.real_table import RealTable


@dataclass(frozen=True, kw_only=True)
class Differences:
    """How many items differ, each in one way; `duplicates` are rows beyond the first of a key."""

    items: int
    lost: int
    deleted_kept: int
    old_states: int
    rows_of_nulls: int
    duplicates: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.lost + self.deleted_kept + self.old_states + self.rows_of_nulls + self.duplicates


def real_state(real: RealTable, at: int) -> dict[Any, Row]:
    """What the table in DynamoDB holds at a moment (microseconds since 1970), by key, typed as Silver is."""
    items = {key: real.item(key, at) for key in real.by_key}
    return {key: _typed(real.name, key, item) for key, item in items.items() if item is not None}


def typed(table: str, attributes: Mapping[str, str | None]) -> Row:
    """A row of texts by attribute, typed as Silver is; what cannot be typed is left out."""
    item = {
        field.source: {field.kind: value}
        for field in FIELDS[table]
        if (value := attributes.get(field.source)) is not None
    }
    return _typed(table, attributes.get(KEYS[table]), item)


def compare(key: str, truth: Mapping[Any, Row], rows: Iterable[Row]) -> Differences:
    """The rows of a copy beside the truth; a row without its key is a row of nulls."""
    by_key: dict[Any, list[Row]] = {}
    for row in rows:
        by_key.setdefault(row.get(key), []).append(row)
    nameless = len(by_key.pop(None, []))
    found = Counter("kept" if name not in truth else "held" for name in by_key)
    return Differences(
        items=len(truth),
        lost=len(truth) - found["held"],
        deleted_kept=found["kept"],
        old_states=sum(truth[name] not in held for name, held in by_key.items() if name in truth),
        rows_of_nulls=nameless,
        duplicates=sum(len(held) - 1 for held in by_key.values()),
    )


def _typed(table: str, key: Any, item: Mapping[str, Any]) -> Row:
    row, _ = decode_row(table, key, dict(item), FAR)
    return row

"""Rows that DynamoDB cannot take: left out, counted and named, and never in the way of the others (rule P4).

Belongs here: why an item cannot be written.
Does not: how keys are written, or what cannot be published at all, such as two rows of one key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from medallion_assets.publishing.attributes import Item, UnstorableValueError, item_bytes, to_item
from medallion_assets.publishing.keys import MOST_ITEM_BYTES, MOST_PARTITION_KEY_BYTES, MOST_SORT_KEY_BYTES

SAMPLES = 5
SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRule:
    """An attribute that DynamoDB takes as a key of the table or of an `index` of it (None: the table)."""

    attribute: str
    most_bytes: int
    index: str | None = None

    def objection(self, item: Item) -> str | None:
        """Why `item` cannot be written, or None; an item without the attribute is just not in the index."""
        attribute = item.get(self.attribute)
        if attribute is None and self.index is not None:
            return None
        name = self.attribute if self.index is None else f"{self.attribute} (key of index {self.index})"
        text = str((attribute or {}).get("S", ""))
        if attribute is not None and not {"S", "NULL"} & attribute.keys():
            return None
        if not text:
            return f"{name} is empty"
        size = len(text.encode())
        return None if size <= self.most_bytes else f"{name} has {size:,} bytes, more than {self.most_bytes:,}"


def key_rules(keys: Iterable[str], index: str | None = None) -> tuple[KeyRule, ...]:
    """The rules of a partition key and, if there is one, a sort key."""
    limits = (MOST_PARTITION_KEY_BYTES, MOST_SORT_KEY_BYTES)
    return tuple(
        KeyRule(attribute=name, most_bytes=most, index=index) for name, most in zip(keys, limits, strict=False)
    )


@dataclass(slots=True)
class LeftOut:
    """How many rows were left out, and the first few: what they were, and why."""

    count: int = 0
    samples: list[Mapping[str, object]] = field(default_factory=list)

    def add(self, row: str, reason: str) -> None:
        """Count a row, called by its key."""
        self.count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append({"row": row[:SHOWN_CHARACTERS], "reason": reason[:SHOWN_CHARACTERS]})

    def of_count(self, count: int) -> LeftOut:
        """That an earlier publish left out so many, of which those named here are the best known."""
        return LeftOut(count, self.samples[:count])


def item_or_reason(
    row: Mapping[str, object], own: Item, rules: Sequence[KeyRule], later: Item | None = None
) -> tuple[Item, str | None]:
    """The item of a row with attributes of our `own`, and why DynamoDB would refuse it; None when it would not.

    It has to have room for what it gets `later`.

    Raises:
        PermanentError: a column has a type that DynamoDB does not keep exactly.
    """
    try:
        item = to_item(row) | own
    except UnstorableValueError as error:
        return own, f"{error.what}: {error.found}"
    return item, _objection(item | (later or {}), rules)


def _objection(item: Item, rules: Sequence[KeyRule]) -> str | None:
    for rule in rules:
        if (reason := rule.objection(item)) is not None:
            return reason
    size = item_bytes(item)
    return None if size <= MOST_ITEM_BYTES else f"the item has {size:,} bytes, more than {MOST_ITEM_BYTES:,}"

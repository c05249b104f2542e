"""What readers must find in a table of items whose keys are text or numbers, after some publishes (rules P2, P4).

Belongs here: which keys are equal, which DynamoDB cannot take, and what the newest pair leaves.
Does not: how items are written, or tables whose keys are text alone (oracle.serving).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

MOST_BYTES = (2048, 1024)
"""Of text as a partition key and as a sort key."""
MOST_DIGITS = 38
Part = str | Fraction | None
Key = tuple[Part, ...]
"""A business key: text, numbers by their value, None where there is none."""


@dataclass(frozen=True)
class ItemsPublish:
    """Gold as of a day, in a version: figures by key."""

    pair: tuple[date, int]
    figures: Mapping[Key, int]


@dataclass(frozen=True)
class Items:
    """The table: figures that readers see with the pair each was written under, and the keys of tombstones."""

    visible: dict[Key, tuple[tuple[date, int], int]]
    tombstones: set[Key]


def items(publishes: Sequence[ItemsPublish]) -> Items:
    """The table after these publishes, one after the other: a pair no higher than the one before publishes nothing."""
    newest: tuple[date, int] | None = None
    visible: dict[Key, tuple[tuple[date, int], int]] = {}
    tombstones: set[Key] = set()
    for publish in publishes:
        if newest is not None and publish.pair <= newest:
            continue
        newest = publish.pair
        now = {key: figure for key, figure in publish.figures.items() if is_storable(key)}
        tombstones = (tombstones | set(visible)) - set(now)
        kept = {key: held for key, held in visible.items() if key in now and held[1] == now[key]}
        visible = {key: kept.get(key, (publish.pair, figure)) for key, figure in now.items()}
    return Items(visible, tombstones)


def is_storable(key: Key) -> bool:
    """Whether DynamoDB takes a key (rule P4)."""
    return all(_is_storable(part, most) for part, most in zip(key, MOST_BYTES, strict=False))


def _is_storable(part: Part, most_bytes: int) -> bool:
    if part is None:
        return False
    if isinstance(part, str):
        written = part.replace("%", "%25")
        written = f"%23{written[1:]}" if written.startswith("#") else written
        return 0 < len(written.encode()) <= most_bytes
    if part == 0:
        return True
    within = Fraction(1, 10**130) <= abs(part) < Fraction(10**126)
    return within and len(str(abs(part) * 10**130).strip("0")) <= MOST_DIGITS

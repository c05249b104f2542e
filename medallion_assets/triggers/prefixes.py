"""Prefixes: below which prefixes of a place a look at arrivals looks, so that three requests are enough for it.

Belongs here: the choice, as a pure function of what earlier looks saw.
Does not: listing, or when everything is looked at.

Batches may lie below a prefix for each day. What arrives lies below the last of them, or below one that comes after it,
as days do; or below the one that the newest batch lies below. Both are looked at, and one other in turn. A new folder
that comes before the last is noticed by the place's own folders; a look at everything then says what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from medallion_assets.contracts.documents import Names
from medallion_assets.contracts.source import Listing
from medallion_assets.triggers.debounce import signature_of
from medallion_assets.triggers.look_limits import LIMITS, LookLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """What a sensor remembers of a place: the greatest id below each prefix, `last` in the order of keys.

    `held` are prefixes below which batches are unsettled: every look sees these. Where `newest` is empty a look looks
    everywhere. `turn` counts looks. `folders` stands for those of the place since `last` is what it is, and
    `has_new_folder` says that they have changed and no look at everything has begun since.
    """

    newest: Mapping[str, str] = field(default_factory=dict)
    last: str | None = None
    held: Names = frozenset()
    turn: int = 0
    folders: str | None = None
    has_new_folder: bool = False

    def due(self) -> list[str]:
        """The prefixes to look below now; none: all of them."""
        if self.last is None:
            return []
        others = [prefix for prefix in by_age(self.newest) if prefix != self.last]
        if self.turn % 2 and len(others) > 1:
            others = [others[1 + self.turn // 2 % (len(others) - 1)]]
        return sorted({self.last, *self.held, *others[:1]})

    def after(self, seen: Listing, limits: LookLimits = LIMITS, *, is_whole: bool) -> Prefixes:
        """What to remember after a look, which saw everything, or looked where it was due."""
        if not is_whole and self.last is None:
            return self
        # A look sees all that comes after the last prefix: one that it did not know, and saw last, is the last now.
        last = seen.last_prefix if is_whole or seen.last_prefix not in {None, *self.newest} else self.last
        if last is None or (is_whole and seen.objects <= limits.small_objects):
            return Prefixes()
        newest = dict(seen.prefixes)
        if not is_whole:
            newest |= {prefix: max(known, newest.get(prefix, "")) for prefix, known in self.newest.items()}
        kept = {last, *by_age(newest)[: limits.prefixes]}
        before = self.folders if last == self.last else None  # a new last prefix is in a new folder, which is known
        folders = before if seen.folders is None or last != self.last else signature_of([seen.folders])
        return Prefixes(
            newest={prefix: newest[prefix] for prefix in sorted(kept)},
            last=last,
            turn=self.turn + 1,
            folders=folders,
            has_new_folder=self.has_new_folder or before not in {None, folders},
        )

    def holding(self, prefixes: Iterable[str], limits: LookLimits = LIMITS) -> Prefixes:
        """With the prefixes below which batches are unsettled, the first of them."""
        held = [*dict.fromkeys(prefixes)][: limits.prefixes]
        return self if self.last is None else replace(self, held=frozenset(held))

    def covers(self, prefix: str) -> bool:
        """Whether every look looks below a prefix."""
        return self.last is None or prefix in self.held


def by_age(newest: Mapping[str, str]) -> list[str]:
    """The prefixes, those of the newest batches first."""
    return sorted(newest, key=lambda prefix: (newest[prefix], prefix), reverse=True)

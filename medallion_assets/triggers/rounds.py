"""Rounds: a look at everything that goes in shares, one a tick, so that no tick takes long whatever lies there.

Belongs here: where a round stands, and what is remembered of batches that the next quick look would not see.
Does not: listing, when a round is due, or what follows from what was seen.

A share begins after the key with which the one before ended; that key is all that a round needs, and no page token is
kept. What arrives before that key is seen by the next round, or by the quick looks in between. A batch that a share saw
has to be seen to wait at each tick (debounce), so it is remembered, as it was, until a whole round no longer sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from medallion_assets.contracts.documents import Moment
from medallion_assets.contracts.source import Found, Listing
from medallion_assets.triggers.look_limits import LIMITS, LookLimits
from medallion_assets.triggers.prefixes import by_age

Key = tuple[str, str]
"""The id and the prefix of a batch."""


def key_of(found: Found) -> Key:
    """What tells a batch from its copies."""
    return found.id, found.prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A batch as it was when a look saw it last."""

    found: Found
    seen_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Where a look at everything stands: the key `after` which the next share begins, and what the shares saw.

    `newest` and `last` are of prefixes (prefixes.py), `objects` were looked at.
    """

    began_at: Moment
    after: str = ""
    newest: Mapping[str, str] = field(default_factory=dict)
    last: str | None = None
    objects: int = 0

    def with_share(self, share: Listing, limits: LookLimits = LIMITS) -> Round:
        """The round after one more share."""
        seen = self.with_prefixes(share, limits)
        return replace(
            seen,
            after=self.after if share.rest is None else share.rest,
            last=self.last if share.last_prefix is None else share.last_prefix,
            objects=self.objects + share.objects,
        )

    def with_prefixes(self, seen: Listing, limits: LookLimits = LIMITS) -> Round:
        """The round with the prefixes of a look: those that take turns, and the last."""
        newest = dict(self.newest)
        for prefix, greatest in seen.prefixes.items():
            newest[prefix] = max(greatest, newest.get(prefix, ""))
        kept = {*by_age(newest)[: limits.prefixes], self.last, seen.last_prefix}
        return replace(self, newest={prefix: newest[prefix] for prefix in sorted(newest) if prefix in kept})

    def whole(self, share: Listing) -> Listing:
        """The last share, with what all of them saw of prefixes."""
        return replace(share, prefixes=self.newest, last_prefix=self.last, objects=self.objects)


def merged(
    before: Iterable[Remembered],
    looks: Iterable[Listing],
    now: datetime,
    *,
    covered: Callable[[Found], bool],
    ended: Round | None,
) -> dict[Key, Remembered]:
    """What is remembered and what the looks of a tick see now, by key, in order.

    What is `covered` by a look that did not see it is gone; so is what no look saw since the round began that `ended`.
    """
    known = {key_of(known.found): known for known in before if not covered(known.found)}
    for look in looks:
        known |= {key_of(found): Remembered(found=found, seen_at=now) for found in look.batches}
    return {key: known[key] for key in sorted(known) if ended is None or known[key].seen_at >= ended.began_at}

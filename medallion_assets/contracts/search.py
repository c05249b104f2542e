"""Searches: what is looked for in a place, so that a look costs no more than it must.

Belongs here: what whoever looks knows already, and how much of the place is enough.
Does not: what is found there, or looking.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a place is listed at once: with at most so many `requests`, and what comes after the key `after`."""

    requests: int
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Batches with ids greater than `after` alone, and none that are `known`.

    `among` are prefixes of an earlier listing: to look below these, and at what comes behind the last, is enough.
    `share`: so much of the place is enough. A batch is listed whole or not at all, which may take more requests.
    `held` are ids that are in and are listed all the same: what an id says may depend on those (rule F1).
    A source may look at more than `among` and `share` ask for.
    """

    after: str | None = None
    known: Collection[str] = frozenset()
    held: Collection[str] = frozenset()
    among: Collection[str] = ()
    share: Share | None = None

    def wants(self, batch_id: str, listed_as: Callable[[str], str] = str) -> bool:
        """Whether a batch is looked for; `listed_as` is the source's."""
        is_after = self.after is None or listed_as(batch_id) > listed_as(self.after)
        return is_after and batch_id not in self.known


EVERYTHING = Search()

"""Looks: the objects of a place, as far as a search asks for them.

Belongs here: where a look begins and ends, and what it tells of the place.
Does not: the pages of a bucket, or which objects are a batch (sources).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from obstore.store import ObjectStore, S3Store

from medallion_assets.contracts.search import Search
from medallion_assets.contracts.source import Found, Listing
from medallion_assets.storage.listing import StoredObject, Unseen, list_objects

PREFIX = ""
"""All batches lie below this one: a look takes the place as one sequence of keys."""


@dataclass(kw_only=True)
class Look:
    """One pass over a place in which each batch is found by one object.

    In a bucket it begins after a key: where the share before ended, or `begins_after`, which no object comes before
    that may be looked for. It ends where its requests do. On a disk it sees everything, which costs no requests.
    """

    search: Search
    begins_after: str = ""
    unseen: Unseen = field(default_factory=Unseen)
    _in_bucket: bool = False
    _count: int = 0
    _requests: int = 0
    _rest: str | None = None

    def objects(self, place: ObjectStore) -> Iterator[StoredObject]:
        """What is to be looked at; raises as `list_objects` does."""
        self._in_bucket = isinstance(place, S3Store)
        begin = max(self.begins_after, "" if self.search.share is None else self.search.share.after)
        for stored in list_objects(place, unseen=self.unseen, start_after=begin, goes_on=self._goes_on):
            self._count += 1
            yield stored

    def listing(self, batches: Iterable[Found], *, foreign: int) -> Listing:
        """What it saw. Of a disk no prefix is named: nobody has to know where to look the next time."""
        found = sorted(batches, key=attrgetter("id"))
        greatest = {PREFIX: found[-1].id if found else ""} if self._in_bucket else {}
        return Listing(
            batches=found,
            foreign=foreign,
            unclaimed=[],
            unseen=self.unseen.folders,
            prefixes=greatest,
            last_prefix=PREFIX if self._in_bucket else None,
            objects=self._count,
            rest=self._rest,
        )

    def _goes_on(self, after: str) -> bool:
        share = self.search.share
        if share is not None and self._requests >= share.requests:
            self._rest = after
            return False
        self._requests += 1
        return True

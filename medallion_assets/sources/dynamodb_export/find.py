"""Finding exports: which lie below a store, and what else lies there.

Belongs here: telling export folders from foreign objects in a listing, and noticing that an export changed.
Does not: listing itself; what manifests say.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from obstore.store import ObjectStore, S3Store

from medallion_assets.contracts.search import Share
from medallion_assets.contracts.source import Found, Listing
from medallion_assets.sources.dynamodb_export.manifest import (
    EXPORT_ID,
    ROOT,
    STARTED_NAME,
    SUMMARY_NAME,
    started_at_of,
)
from medallion_assets.storage.listing import NEXT, StoredObject, Unseen, list_folders, list_objects

_ID = re.compile(EXPORT_ID)
_DATA = "data"
_ROOT_AND_SLASH = f"{ROOT}/"
_BEHIND_IDS = ":"
"""The character after `9`: ids begin with a digit, so all other names in their folder come before one or after this."""
_HASH_BYTES = 16
FOREIGN_AT_MOST = 50_000
"""So many foreign objects are looked at in one folder of the place, so that a look stays short whatever lies there."""


def folder_of(found: Found) -> str:
    """The key of an export's folder, without a trailing slash."""
    return f"{found.prefix}{ROOT}/{found.id}"


def find_exports(store: ObjectStore) -> list[Found]:
    """The exports of `list_exports`."""
    return list_exports(store).batches


def list_exports(
    store: ObjectStore,
    *,
    after: str | None = None,
    settled: Collection[str] = frozenset(),
    among: Collection[str] = (),
    everything: bool = False,
    share: Share | None = None,
) -> Listing:
    """Every export folder `[prefix/]AWSDynamoDB/<ExportId>/` below the store, and what else lies there.

    Only ids greater than `after`, and none in `settled` (ids that need no second look: loaded, or refused for good).
    An export delivered under two prefixes is found twice: whoever loads takes the first complete copy (rule B5).
    Memory grows with the exports, not with their data files. `everything` also looks into the folder that incremental
    exports share, and through any number of foreign objects; otherwise a look costs a request for 1,000 objects, and
    those of settled exports and of shared folders are passed over. `among`: in a bucket a look costs one request for
    each of these prefixes, one for all that lies behind the last of them, and one for the folders of the place; no
    other prefix is listed.
    `share`: in a bucket so much is listed, and to the end of an export that begins it; folders are walked whole.

    Raises:
        PermanentError: the place is not there, or cannot be listed.
        TransientError: the store did not answer.
    """
    in_bucket = isinstance(store, S3Store)
    look = _Look(after, frozenset(settled), everything=everything, share=share if in_bucket else None)
    folders = look.first_folders(store) if in_bucket and among else None
    for found in look.objects(store, among if in_bucket else ()):
        look.add(found)
    exports = [folder.found(*identity) for identity, folder in sorted(look.folders.items())]
    return Listing(
        batches=exports,
        foreign=look.foreign,
        unclaimed=look.summaries,
        unseen=look.unseen.folders,
        prefixes=look.prefixes,
        last_prefix=max(look.prefixes, key=_root, default=None),
        objects=look.count,
        rest=look.rest,
        folders=folders,
    )


class _Look:
    """One pass over a listing."""

    def __init__(
        self, after: str | None, settled: frozenset[str], *, everything: bool, share: Share | None = None
    ) -> None:
        self.folders: dict[tuple[str, str], _Folder] = {}
        self.foreign = 0
        self.summaries: list[str] = []
        self.unseen = Unseen()
        self.prefixes: dict[str, str] = {}
        self.count = 0
        self.rest: str | None = None
        self._after = after
        self._share = share
        self._requests = 0
        self._settled = settled
        self._everything = everything
        self._foreign_in: Counter[str] = Counter()

    def objects(self, store: ObjectStore, among: Collection[str]) -> Iterator[StoredObject]:
        """What is to be looked at."""
        if not among:
            start = self._share.after if self._share else ""
            yield from list_objects(
                store, passed_over=self.passed_over, unseen=self.unseen, start_after=start, goes_on=self.goes_on
            )
        last = max(among, key=_root, default=None)
        for prefix in among:
            settled = f"{_root(prefix)}{self._after}{NEXT}" if self._after else _root(prefix)
            for found in list_objects(store, passed_over=self.passed_over, start_after=settled, goes_on=self.goes_on):
                if prefix != last and found.key >= f"{_root(prefix)}{_BEHIND_IDS}":
                    break
                yield found

    def first_folders(self, store: ObjectStore) -> list[str]:
        """The folders of the place, as many as a page has."""
        return list_folders(store, "", goes_on=lambda after: not after and self.goes_on(after))

    def add(self, found: StoredObject) -> None:
        self.count += 1
        place = _place(found.key)
        if place is None or place.child == _DATA:
            self._add_foreign(found.key, is_shared=place is not None)
            return
        self.prefixes[place.prefix] = max(place.child, self.prefixes.get(place.prefix, ""))
        if self._is_wanted(place.child):
            folder = self.folders.setdefault((place.child, place.prefix), _Folder())
            folder.add(found, is_data=place.rest.startswith(f"{_DATA}/"))
            if place.rest.endswith(f"/{SUMMARY_NAME}"):
                self.summaries.append(found.key)

    def goes_on(self, after: str) -> bool:
        """Whether the share has a request left for what comes after a key; an export that it began is left out else."""
        if self._share is None or self._requests < self._share.requests:
            self._requests += 1
            return True
        self.rest, place = after, _place(after)
        if place is not None and (place.child, place.prefix) in self.folders:
            begins_after = f"{place.root}/{place.child}/"
            if begins_after <= self._share.after:  # no share would ever reach its end
                self.rest = None
                return True
            self.rest = begins_after
            del self.folders[place.child, place.prefix]
        return False

    def passed_over(self, key: str) -> str | None:
        """The folder of this key, where no look at the rest of it is worth a request."""
        place = _place(key)
        if place is None:
            return self._crowded(key)
        if place.child == _DATA:
            return None if self._everything else f"{place.root}/{_DATA}"
        if self._after is not None and place.child <= self._after:
            return f"{place.root}/{self._after}"
        return None if self._is_wanted(place.child) else f"{place.root}/{place.child}"

    def _is_wanted(self, export_id: str) -> bool:
        return export_id not in self._settled and (self._after is None or export_id > self._after)

    def _add_foreign(self, key: str, *, is_shared: bool) -> None:
        """Count it; files in the shared folder are mostly exports' own, and nobody can know without their manifests."""
        name = key.rsplit("/", 1)[-1]
        if name == SUMMARY_NAME:
            self.summaries.append(key)
        if is_shared or name == STARTED_NAME:  # an older writer puts `_started` one level up
            return
        self.foreign += 1
        self._foreign_in[_crowd(key) or ""] += 1

    def _crowded(self, key: str) -> str | None:
        """The folder that a foreign object is in, when too many are in it."""
        folder = _crowd(key)
        if self._everything or folder is None or self._foreign_in[folder] < FOREIGN_AT_MOST:
            return None
        self.unseen.folders[folder] = f"over {FOREIGN_AT_MOST:,} objects in it belong to no export: move them elsewhere"
        return folder


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key lies: `<prefix>AWSDynamoDB/<child>/<rest>`; `child` is an export's id, or the shared folder."""

    prefix: str
    child: str
    rest: str

    @property
    def root(self) -> str:
        return f"{self.prefix}{ROOT}"


def _root(prefix: str) -> str:
    """Where the keys of exports below a prefix begin."""
    return f"{prefix}{_ROOT_AND_SLASH}"


def _place(key: str) -> _Place | None:
    """Which export folder, or shared folder, a key lies in. Any other folder in an `AWSDynamoDB` is a prefix."""
    start = 0
    while (at := key.find(_ROOT_AND_SLASH, start)) >= 0:
        start = at + len(ROOT)
        if at and key[at - 1] != "/":
            continue
        child, slash, rest = key[at + len(_ROOT_AND_SLASH) :].partition("/")
        if slash and (child == _DATA or _ID.fullmatch(child)):
            return _Place(key[:at], child, rest)
    return None


def _crowd(key: str) -> str | None:
    """The first folder of a key that is not named AWSDynamoDB; None of an object beside such folders."""
    start = 0
    while key.startswith(_ROOT_AND_SLASH, start):
        start += len(_ROOT_AND_SLASH)
    end = key.find("/", start)
    return key[:end] if end >= 0 else None


class _Folder:
    """What one pass over a listing learns of an export folder; data files are summed up, their names not kept."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.digest = 0

    def add(self, found: StoredObject, *, is_data: bool) -> None:
        entry = (found.key, found.size, found.tag)
        # A sum of hashes does not depend on the order of the listing, which local stores do not promise.
        self.digest = (self.digest + _hash(entry)) % (1 << 8 * _HASH_BYTES)
        if not is_data:
            self.files.append(found.key)

    def found(self, export_id: str, prefix: str) -> Found:
        summary = f"{prefix}{ROOT}/{export_id}/{SUMMARY_NAME}"  # it is written last, also by those who copy
        return Found(
            id=export_id,
            prefix=prefix,
            fingerprint=f"{self.digest:032x}",
            is_complete=summary in self.files,
            files=len(self.files),
            reaches_until=started_at_of(export_id),
        )


def _hash(entry: tuple[str, int, str]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(entry).encode(), digest_size=_HASH_BYTES).digest())

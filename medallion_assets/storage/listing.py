"""Listing a place: every object below it, whatever its key, without walking through what nobody asks for.

Belongs here: pages of a bucket and folders of a disk, and what of them cannot be listed.
Does not: what is an export; reading objects.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from obstore.store import LocalStore, ObjectStore, S3Store

from medallion_assets.contracts.moments import moment
from medallion_assets.errors.visible_text import is_text
from medallion_assets.storage.bucket import Bucket
from medallion_assets.storage.failures import our_error, store_errors, words

ORDINARY = ("", "STANDARD")
NEXT = "0"
"""The character after `/`: a folder's name and this come right after all keys in the folder."""
_UNFINISHED = re.compile(r"#\d+$")
"""So object stores name a local file while they write it."""
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Gone meanwhile, or a link that leads nowhere."""
PassedOver = Callable[[str], str | None]
"""Of a key: a folder that it is in and that is of no interest, with whatever sorts before it; or None."""
GoesOn = Callable[[str], bool]
"""Of the key after which the next page would begin: whether that page is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object in a listing. `tag` changes when its bytes, or the storage class, do."""

    key: str
    size: int
    tag: str
    modified_at: datetime


@dataclass(slots=True)
class Unseen:
    """Folders that could not be listed or entered, and links or files that could not be looked at.

    Each with why, and what to do. They stop nothing else.
    """

    folders: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, error: OSError) -> None:
        """Note what a disk says instead of showing it; nothing, where nothing is there."""
        if error.errno not in _NOTHING_THERE:
            do = "let this account list and enter it, and see that the disk is sound"
            self.folders[format_key(key)] = f"{words(error)}: {do}"


def list_objects(
    store: ObjectStore,
    folder: str = "",
    *,
    passed_over: PassedOver = lambda _: None,
    unseen: Unseen | None = None,
    start_after: str = "",
    goes_on: GoesOn = lambda _: True,
) -> Iterator[StoredObject]:
    """Every object below `folder` at any depth, on S3 in the order of keys, beginning after the key `start_after`.

    `passed_over` is asked of folders on a disk, and of the last key of each page on S3: what it names is left out as
    far as that spares a look. On S3 the listing ends before the first page to which `goes_on` says no. What of a disk
    cannot be looked at is put into `unseen`.

    Raises:
        PermanentError: the place is not there, or cannot be listed.
        TransientError: the store did not answer.
    """
    if isinstance(store, S3Store):
        yield from _pages(Bucket(store), folder, passed_over, start_after, goes_on)
    else:
        folder = f"{folder}/" if folder else ""
        yield from _walk(_local_root(store), folder, passed_over, Unseen() if unseen is None else unseen, frozenset())


def is_there(url: str) -> bool:
    """Whether a folder is there; of a bucket only listing says it. A store would make the folder."""
    return url.startswith("s3://") or Path(url).is_dir()


def list_folders(store: ObjectStore, folder: str, *, goes_on: GoesOn = lambda _: True) -> list[str]:
    """The folders directly below `folder`, as keys without a trailing slash; none where there is no such folder.

    On S3 they are in the order of keys, and the listing ends before the first page to which `goes_on` says no.
    """
    if isinstance(store, S3Store):
        return list(_folders_of_bucket(Bucket(store), folder, goes_on))
    place = _local_root(store) / folder
    if not place.is_dir():
        return []
    with store_errors(folder), os.scandir(place) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and is_text(entry.name))
    return [f"{folder}/{name}" if folder else name for name in names]


def _pages(
    bucket: Bucket, folder: str, passed_over: PassedOver, start_after: str, goes_on: GoesOn
) -> Iterator[StoredObject]:
    after: str | None = start_after
    while after is not None and goes_on(after):
        with store_errors(folder):
            page = bucket.page(folder, after=after)
        contents = page.get("Contents", [])
        for entry in contents:
            if not entry["Key"].endswith("/"):  # a folder that a console made
                yield _stored(entry, len(bucket.prefix))
        after = None
        if page.get("IsTruncated"):
            last = contents[-1]["Key"][len(bucket.prefix) :]
            skipped = passed_over(last)
            after = last if skipped is None else max(last, f"{skipped}{NEXT}")


def _stored(entry: dict[str, Any], prefix_length: int) -> StoredObject:
    storage = str(entry.get("StorageClass", ""))
    tag = str(entry["ETag"]) if storage in ORDINARY else f"{entry['ETag']} {storage}"
    return StoredObject(
        key=str(entry["Key"])[prefix_length:], size=int(entry["Size"]), tag=tag, modified_at=entry["LastModified"]
    )


def _folders_of_bucket(bucket: Bucket, folder: str, goes_on: GoesOn) -> Iterator[str]:
    after: str | None = ""
    while after is not None and goes_on(after):
        with store_errors(folder):
            page = bucket.page(folder, after=after, delimiter="/")
        folders = [entry["Prefix"][len(bucket.prefix) : -1] for entry in page.get("CommonPrefixes", [])]
        yield from (name for name in folders if not name.endswith("/"))  # not the one without a name, of a key `a//b`
        files = [entry["Key"][len(bucket.prefix) :] for entry in page.get("Contents", [])]
        after = max((*files, *(f"{name}{NEXT}" for name in folders)), default=None)
        if not page.get("IsTruncated"):
            after = None


def _local_root(store: ObjectStore) -> Path:
    assert isinstance(store, LocalStore)  # noqa: S101 - open_store makes no other
    return Path(str(store.prefix))


def _walk(
    root: Path, folder: str, passed_over: PassedOver, unseen: Unseen, above: frozenset[tuple[int, int]]
) -> Iterator[StoredObject]:
    """The files below a folder (`""` or ending in `/`); links are followed, but not back to a folder above."""
    try:
        own = os.stat(f"{root}/{folder}.")  # noqa: PTH116 - the dot asks for the right to enter it; Path drops it
        with os.scandir(root / folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        if not folder:
            raise our_error(error, str(root)) from error
        unseen.add(folder, error)
        return
    above |= {(own.st_dev, own.st_ino)}
    for entry in entries:
        key = f"{folder}{entry.name}"
        if not is_text(entry.name):
            unseen.folders[format_key(key)] = "its name is not UTF-8: rename it, if it belongs to an export"
            continue
        try:
            is_folder = entry.is_dir()
            if (is_folder and passed_over(f"{key}/") is not None) or not (is_folder or entry.is_file()):
                continue
            found = entry.stat()
        except OSError as error:
            unseen.add(key, error)
            continue
        if not is_folder and not _UNFINISHED.search(key):
            tag = f"{found.st_ino:x}-{found.st_mtime_ns:x}"
            modified = moment(found.st_mtime_ns // 1000)
            yield StoredObject(key=key, size=found.st_size, tag=tag, modified_at=modified)
        elif is_folder and (found.st_dev, found.st_ino) not in above:
            yield from _walk(root, f"{key}/", passed_over, unseen, above)


def format_key(key: str) -> str:
    """A key for people and for tables, which hold text alone."""
    return key.encode(errors="surrogateescape").decode(errors="backslashreplace")

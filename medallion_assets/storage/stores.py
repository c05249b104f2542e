"""Where exports lie: a local folder or S3, through one store whose keys are relative to its URL.

Belongs here: opening a store, reading and writing bytes.
Does not: listing, errors, or what the bytes mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from medallion_assets.errors import PermanentError
from medallion_assets.settings import normalise_url
from medallion_assets.storage.bucket import Bucket
from medallion_assets.storage.failures import GONE, UnreadableObjectError, code_of, store_errors, words
from medallion_assets.storage.s3 import s3_store
from medallion_assets.storage.sizes import MEBIBYTE
from medallion_assets.storage.workspace import workspace

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists for type checkers only

CHUNK_BYTES = 4 * MEBIBYTE
"""How much of a file is held in memory while it is copied or hashed."""
MISSING = "no such file"
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_PLAIN_KEY = re.compile(r"(?!/)(?:(?:^|/)(?!\.{1,2}(?:/|$))[\w!'()*+,.:;=@ -]+)+")
"""Keys that obstore asks for as they are; of others it refuses some and changes some."""


def open_store(url: str, storage_options: Mapping[str, str] = NO_OPTIONS, *, option: str | None = None) -> ObjectStore:
    """A store rooted at `url`, so that its keys are relative to it.

    `url` is a local path (created when absent), or `s3://bucket/prefix` with the storage options of the settings. It
    was given in a setting, or in that `option` of a command, which a message then names.

    Raises:
        SettingsError: another kind of URL, or an endpoint without encryption that nobody has allowed.
        PermanentError: there is no such folder, and none can be made; or no store can have such a URL.
    """
    place = normalise_url(url, name="the URL of the exports")
    if not place.startswith("s3://"):
        try:
            return LocalStore(place, mkdir=True)
        except OSError as error:
            raise PermanentError(
                f"there is no folder {place}, and none can be made",
                expected="a folder, or one that can be made",
                found=words(error),
                do=f"set {option or 'MEDALLION_RAW_URL, or MEDALLION_LAKEHOUSE_URL where it is a place of tables,'} to "
                "a folder or bucket that this account can read",
            ) from error
    try:
        return s3_store(place, storage_options)
    except BaseError as error:
        raise PermanentError(
            f"there is no place at {place}",
            expected="s3://bucket/prefix, without empty parts, . or .. between its slashes",
            found=words(error),
            do=f"set {option or 'MEDALLION_RAW_URL'} to such a place; exports below an odd key are found from the "
            "prefix above it",
        ) from error


def bucket_and_prefix(store: ObjectStore) -> tuple[str | None, str]:
    """The bucket, and what a key of this store needs in front to be a key of the bucket (empty, or ending in `/`)."""
    if not isinstance(store, S3Store):
        return None, ""
    bucket = Bucket(store)
    return bucket.name, bucket.prefix


def url_of(store: ObjectStore) -> str:
    """Where a store is rooted, as `open_store` takes it."""
    bucket, prefix = bucket_and_prefix(store)
    return str(_local(store, "")) if bucket is None else f"s3://{bucket}/{prefix}".rstrip("/")


def read_bytes(store: ObjectStore, key: str) -> bytes | None:
    """The whole object, or None when there is none. For manifests: they fit in memory.

    Raises:
        UnreadableObjectError: this object is refused, whatever else may be read.
        PermanentError, TransientError: see `store_errors`.
    """
    with store_errors(key, is_object=True):
        try:
            if isinstance(store, LocalStore):
                return _local(store, key).read_bytes()
            return b"".join(_chunks(store, key))
        except NOT_THERE as error:
            _expect_bucket(error)
            return None


def read_if_small(store: ObjectStore, key: str, *, at_most: int) -> bytes | None:
    """The whole object in one request; None when there is none, when it has more than `at_most` bytes, or an odd key.

    Raises:
        UnreadableObjectError: this object is refused, whatever else may be read.
        PermanentError, TransientError: see `store_errors`.
    """
    with store_errors(key, is_object=True):
        try:
            if isinstance(store, LocalStore):
                # Thousands of them: pathlib takes five times as long.
                with open(f"{store.prefix}/{key}", "rb") as file:  # noqa: PTH123
                    return file.read() if os.fstat(file.fileno()).st_size <= at_most else None
            if not _PLAIN_KEY.fullmatch(key):
                return None
            answer = obstore.get(store, key)
            return bytes(answer.bytes()) if answer.meta["size"] <= at_most else None
        except NOT_THERE as error:
            _expect_bucket(error)
            return None


def state_of(store: ObjectStore, key: str) -> str:
    """A text that changes when an object comes, goes or changes, and when its bytes can be read or no longer can.

    A permission and a restore from an archive change neither listing nor tag, so the object is asked for one byte.

    Raises:
        PermanentError, TransientError: see `store_errors`.
    """
    try:
        return _state(store, key)
    except UnreadableObjectError as error:
        return error.code


def expect_byte(store: ObjectStore, key: str) -> None:
    """Ask an object for one of its bytes.

    Raises:
        FileNotFoundError: it is not there.
        UnreadableObjectError: its bytes are refused.
        PermanentError, TransientError: see `store_errors`.
    """
    if _state(store, key) == MISSING:
        raise FileNotFoundError(key)


def stat(store: ObjectStore, key: str) -> ObjectMeta | None:
    """Size, time and tag of an object, or None when there is none."""
    with store_errors(key):
        try:
            return obstore.head(store, key)
        except FileNotFoundError as error:
            _expect_bucket(error)
            return None


@contextmanager
def local_path(store: ObjectStore, key: str, is_over: Event | None = None) -> Iterator[Path | None]:
    """A local path with the object's bytes, or None when there is no such object.

    For a local store that is the file itself; for S3 a temporary download, streamed, removed on leaving.

    Raises:
        CancelledError: `is_over` was set meanwhile.
        UnreadableObjectError: this object is refused, whatever else may be read.
        PermanentError, TransientError: see `store_errors`.
    """
    if isinstance(store, LocalStore):
        path = _local(store, key)
        with store_errors(key, is_object=True):
            if is_there := path.is_file():
                path.open("rb").close()
        yield path if is_there else None
        return
    with workspace() as folder:
        path = folder / "object"  # a key may be longer than a name on a disk
        yield path if download(store, key, path, is_over) else None


def download(store: ObjectStore, key: str, path: Path, is_over: Event | None = None) -> bool:
    """Stream an object into a local file; give whether there is such an object. A full disk is no fault of the store.

    Raises:
        CancelledError: `is_over` was set meanwhile.
        UnreadableObjectError: this object is refused, whatever else may be read.
        PermanentError, TransientError: see `store_errors`.
        OSError: the local disk is full, or fails.
    """
    chunks = _chunks(store, key)
    with path.open("wb") as file:
        while True:
            with store_errors(key, is_object=True):
                try:
                    chunk = next(chunks, None)
                except FileNotFoundError as error:
                    _expect_bucket(error)
                    return False
            if chunk is None:
                return True
            if is_over is not None and is_over.is_set():
                raise CancelledError
            file.write(chunk)


def read_chunks(store: ObjectStore, key: str) -> Iterator[bytes]:
    """The bytes of an object from its first to its last, in pieces of about CHUNK_BYTES.

    Raises:
        FileNotFoundError: there is no such object.
        UnreadableObjectError: this object is refused, whatever else may be read.
        PermanentError, TransientError: see `store_errors`.
    """
    chunks = _local_chunks(store, key) if isinstance(store, LocalStore) else _chunks(store, key)
    is_there = True
    while is_there:
        with store_errors(key, is_object=True):
            try:
                chunk = next(chunks, None)
            except NOT_THERE as error:
                _expect_bucket(error)
                is_there = False
        if is_there:
            if chunk is None:
                return
            yield bytes(chunk)
    raise FileNotFoundError(key)


def _local_chunks(store: LocalStore, key: str) -> Iterator[bytes]:
    with _local(store, key).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def write_chunks(store: ObjectStore, key: str, chunks: Iterable[bytes]) -> None:
    """Write an object from chunks, in bounded memory; it becomes visible when it is whole."""
    with store_errors(key), obstore.open_writer(store, key) as writer:
        for chunk in chunks:
            writer.write(chunk)


def write_bytes(store: ObjectStore, key: str, data: bytes, *, content_type: str | None = None) -> None:
    """Write a small object at once; what was there before is read until then. A local file has no content type."""
    attributes = {"Content-Type": content_type} if content_type and not isinstance(store, LocalStore) else None
    with store_errors(key):
        obstore.put(store, key, data, attributes=attributes)


def create_bytes(store: ObjectStore, key: str, data: bytes) -> bool:
    """Write a small object where there is none; whether there was none. Of several who do so at once, one does.

    A write whose answer was lost finds itself there: who must know compares the bytes.
    """
    with store_errors(key):
        try:
            obstore.put(store, key, data, mode="create")
        except AlreadyExistsError:
            return False
        return True


def _state(store: ObjectStore, key: str) -> str:
    with store_errors(key, is_object=True):
        try:
            if isinstance(store, S3Store):
                return Bucket(store).state(key)
            with _local(store, key).open("rb") as file:
                file.read(1)  # a broken disk opens a file, and gives none of its bytes
                found = os.fstat(file.fileno())
        except NOT_THERE:
            return MISSING
        return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _chunks(store: ObjectStore, key: str) -> Iterator[Any]:
    """The bytes of an object of a bucket, in pieces that are bytes or a view of bytes."""
    if isinstance(store, S3Store) and not _PLAIN_KEY.fullmatch(key):
        yield from Bucket(store).chunks(key, CHUNK_BYTES)
        return
    yield from obstore.get(store, key).stream(min_chunk_size=CHUNK_BYTES)


def _expect_bucket(error: OSError) -> None:
    """A bucket that is not there is no object that is not there; obstore says the same of both."""
    if code_of(error) in GONE:
        raise error


def _local(store: ObjectStore, key: str) -> Path:
    assert isinstance(store, LocalStore)  # noqa: S101 - open_store makes no others
    return Path(str(store.prefix)) / key

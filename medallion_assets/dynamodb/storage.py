"""Where exports lie: a local folder or S3, through one store whose keys are relative to its URL.

Belongs here: opening a store, reading and writing bytes, and turning the store's errors into ours.
Does not: what the bytes mean (dynamodb.manifests, dynamodb.exports).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, ObjectStore, S3Store

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.settings import aws_options, normalise_url
from medallion_assets.workspace import workspace

if TYPE_CHECKING:
    from obstore import ObjectMeta  # exists for type checkers only

CHUNK_BYTES = 4 * 1024 * 1024
"""How much of a file is held in memory while it is copied or hashed."""


def open_store(url: str) -> ObjectStore:
    """A store rooted at `url`, so that its keys are relative to it.

    `url` is a local path (created when absent) or `s3://bucket/prefix`; S3 takes the standard AWS variables.

    Raises:
        SettingsError: another kind of URL.
        PermanentError: there is no such folder, and none can be made.
    """
    place = normalise_url(url, name="the URL of the exports")
    if not place.startswith("s3://"):
        try:
            return LocalStore(place, mkdir=True)
        except OSError as error:
            raise PermanentError(
                f"there is no place for exports at {place}",
                expected="a folder, or one that can be made",
                found=_first_line(error),
                do="set MEDALLION_RAW_URL to a folder or bucket that this account can read",
            ) from error
    options = aws_options()
    # obstore's S3 config panics on this name; it is an option of the HTTP client there.
    allow_http = options.pop("AWS_ALLOW_HTTP", "false").lower() in ("1", "true", "yes")
    return S3Store.from_url(place, config=options, client_options={"allow_http": allow_http})  # type: ignore[arg-type]


def bucket_and_prefix(store: ObjectStore) -> tuple[str | None, str]:
    """The bucket, and what a key of this store needs in front to be a key of the bucket (empty, or ending in `/`)."""
    if not isinstance(store, S3Store):
        return None, ""
    prefix = str(store.prefix or "").strip("/")
    return store.config.get("bucket"), f"{prefix}/" if prefix else ""


def read_bytes(store: ObjectStore, key: str) -> bytes | None:
    """The whole object, or None when there is none. For manifests: they fit in memory."""
    with _our_errors(key):
        try:
            return bytes(obstore.get(store, key).bytes())
        except FileNotFoundError:
            return None


def read_if_small(store: ObjectStore, key: str, *, at_most: int) -> bytes | None:
    """The whole object in one request; None when there is none, or when it has more than `at_most` bytes."""
    if isinstance(store, LocalStore):
        path = Path(str(store.prefix)) / key
        return path.read_bytes() if path.is_file() and path.stat().st_size <= at_most else None
    with _our_errors(key):
        try:
            answer = obstore.get(store, key)
            return bytes(answer.bytes()) if answer.meta["size"] <= at_most else None
        except FileNotFoundError:
            return None


def stat(store: ObjectStore, key: str) -> ObjectMeta | None:
    """Size, time and tag of an object, or None when there is none."""
    with _our_errors(key):
        try:
            return obstore.head(store, key)
        except FileNotFoundError:
            return None


def list_objects(store: ObjectStore, folder: str, *, after: str | None = None) -> Iterator[ObjectMeta]:
    """Every object below `folder`, at any depth, whose key is greater than `after`; page by page, in order on S3."""
    with _our_errors(folder):
        for page in obstore.list(store, folder or None, offset=after, chunk_size=1000):
            yield from page


def list_folders(store: ObjectStore, folder: str) -> list[str]:
    """The folders directly below `folder`, as keys without a trailing slash."""
    with _our_errors(folder):
        return list(obstore.list_with_delimiter(store, folder or None)["common_prefixes"])


def list_folder_names(store: ObjectStore, folder: str) -> list[str]:
    """The names of the folders directly below `folder`, which is there; of a local store ten times as fast."""
    if not isinstance(store, LocalStore):
        return [child.rsplit("/", 1)[-1] for child in list_folders(store, folder)]
    try:
        with os.scandir(Path(str(store.prefix)) / folder) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except OSError as error:
        raise _our_error(error, folder) from error


def is_ordered(store: ObjectStore) -> bool:
    """Whether a listing comes in the order of keys (S3), so that it can be left early."""
    return isinstance(store, S3Store)


@contextmanager
def local_path(store: ObjectStore, key: str) -> Iterator[Path | None]:
    """A local path with the object's bytes, or None when there is no such object.

    For a local store that is the file itself; for S3 a temporary download, streamed, removed on leaving.
    """
    if isinstance(store, LocalStore):
        path = Path(str(store.prefix)) / key
        yield path if path.is_file() else None
        return
    with workspace() as folder:
        path = folder / key.rsplit("/", 1)[-1]
        yield path if _download(store, key, path) else None


def write_chunks(store: ObjectStore, key: str, chunks: Iterable[bytes]) -> None:
    """Write an object from chunks, in bounded memory; it becomes visible when it is whole."""
    with _our_errors(key), obstore.open_writer(store, key) as writer:
        for chunk in chunks:
            writer.write(chunk)


def write_bytes(store: ObjectStore, key: str, data: bytes, *, content_type: str | None = None) -> None:
    """Write a small object at once; what was there before is read until then. A local file has no content type."""
    attributes = {"Content-Type": content_type} if content_type and not isinstance(store, LocalStore) else None
    with _our_errors(key):
        obstore.put(store, key, data, attributes=attributes)


def _download(store: ObjectStore, key: str, path: Path) -> bool:
    with _our_errors(key):
        try:
            stream = obstore.get(store, key).stream(min_chunk_size=CHUNK_BYTES)
        except FileNotFoundError:
            return False
        with path.open("wb") as file:
            for chunk in stream:
                file.write(chunk)
    return True


@contextmanager
def _our_errors(key: str) -> Iterator[None]:
    """Errors of the store as ours: access is for a person to grant, everything else is worth another try."""
    try:
        yield
    except (FileNotFoundError, BaseError) as error:
        raise _our_error(error, key or "the exports") from error


def _our_error(error: Exception, what: str) -> PermanentError | TransientError:
    # A missing object is no error where it is read; here the place as a whole is missing.
    if isinstance(error, FileNotFoundError) or "NoSuchBucket" in str(error):
        do = "check the bucket's name and region"
        return PermanentError(f"there is no place to look for {what}", found=_first_line(error), do=do)
    if isinstance(error, PermissionError | PermissionDeniedError | UnauthenticatedError):
        do = "check the AWS credentials and that they may list and read this bucket"
        return PermanentError(f"no access to {what}", found=_first_line(error), do=do)
    do = "it is tried again; if it stays, check the network and the endpoint URL"
    return TransientError(f"the store did not answer for {what}", found=_first_line(error), do=do)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

"""Damage: data files whose bytes are not those that were written.

Belongs here: finding them, so that a rebuild makes them again although their rows may still read the same, and going
on without those that cannot be read.
Does not: telling people.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore
import polars as pl
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from medallion_assets.delta.files.data_files import read_file, store_of
from medallion_assets.delta.log.chain import commit_path
from medallion_assets.delta.log.replay import Replayed
from medallion_assets.delta.storage_errors import READING_ERRORS
from medallion_assets.delta.table import Snapshot

READERS = 4


def damaged_files(snapshot: Snapshot) -> set[str]:
    """The live files that are gone, or have another digest than when they were written; every file is read.

    A file without a digest (of an earlier release) is in none of these cases.

    Raises:
        OSError: the storage did not answer.
    """
    store = store_of(snapshot.uri, snapshot.lakehouse.storage_options)
    digests = _digests(store, snapshot.version)
    paths = list(snapshot.files["path"])
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda path: _digest(snapshot.uri, store, path), paths)
        return {
            path
            for path, digest in zip(paths, found, strict=True)
            if digest is None or (digests.get(path) is not None and digest != digests[path])
        }


def sound_files(snapshot: Snapshot) -> list[str]:
    """The live files that are there as they were written."""
    damaged = damaged_files(snapshot)
    return [path for path in snapshot.files["path"] if path not in damaged]


def readable_rows(rows: pl.LazyFrame) -> pl.DataFrame | None:
    """Rows that files hold; None when one of these is gone or damaged: then all of them are made anew."""
    try:
        return rows.collect(engine="streaming")
    except READING_ERRORS:
        return None


def _digests(store: ObjectStore, version: int) -> dict[str, str | None]:
    """What the commits up to a version say of the live files, as far as the log goes back."""
    replay = Replayed()
    for number in range(version + 1):
        data = read_file(store, commit_path(number))
        replay.apply(number, list(_actions(data or b"")))
    return {path: logged.digest for path, logged in replay.live.items()}


def _actions(data: bytes) -> Iterator[dict[str, Any]]:
    """The actions of a commit, as far as they can be read: what is wrong with a log is another question."""
    for line in data.decode(errors="replace").splitlines():
        try:
            action = json.loads(line)
        except ValueError:
            continue
        if isinstance(action, dict):
            yield action


def _digest(uri: str, store: ObjectStore, path: str) -> str | None:
    """The SHA-256 of a file, read in pieces; None when it is not there."""
    try:
        if not uri.startswith("s3://"):  # several times faster than through the store
            with (Path(uri) / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        for piece in obstore.get(store, path).stream():
            digest.update(piece)
        return digest.hexdigest()
    except FileNotFoundError:
        return None
    except BaseError as error:
        raise OSError(str(error)) from error

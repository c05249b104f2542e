"""Files for DuckDB: those of a bucket are downloaded, whole, which is ten times as fast as DuckDB reading them there.

Belongs here: downloading the files of a snapshot, all of them at first, or each once DuckDB opens it.
Does not: what is read of them.

Files of a table never change, so one that lies there with the size that the log names is the one.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from medallion_assets.delta.files.data_files import store_of
from medallion_assets.delta.storage_errors import not_a_table, storage_errors
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import MedallionError
from medallion_assets.storage.disk_space import expect_room
from medallion_assets.storage.parallel import for_each
from medallion_assets.storage.stores import download

Downloading = Callable[[int, int], None]


def local_files(
    snapshot: Snapshot, downloads: Path, *, paths: Iterable[str] | None = None, progress: Downloading | None = None
) -> list[Path]:
    """The snapshot's files, or those of `paths`, on a local disk: where they lie, or below `downloads`.

    `progress` is called with how many were downloaded, of how many.

    Raises:
        UnreadableTableError: one of them is gone.
        DiskFullError: they do not fit below `downloads`; nothing is downloaded.
        PermanentError, TransientError: the storage refuses, or does not answer.
    """
    names = _names(snapshot, paths)
    folder = downloads / snapshot.table.path if _is_remote(snapshot) else Path(snapshot.uri)
    files = {name: folder / name for name in names}
    if _is_remote(snapshot):
        sizes = _sizes(snapshot)
        missing = [name for name in names if _size(files[name]) != sizes[name]]
        expect_room(folder, sum(sizes[name] for name in missing), what=f"a copy of {snapshot.table.name}")
        done: list[str] = []

        def fetch(name: str) -> None:
            _download(snapshot, name, sizes[name], files[name])
            done.append(name)  # which is safe among threads
            if progress is not None:
                progress(len(done), len(missing))

        for_each(missing, fetch)
    if gone := next((name for name in names if not files[name].is_file()), None):
        raise _gone(snapshot, gone)
    return list(files.values())


class FilesOnDemand(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """A file system for DuckDB, of the files of snapshots in buckets: each is downloaded once it is opened.

    So a query costs the files that it reads, not those of its tables. Register it with the connection
    (`register_filesystem`). DuckDB shortens what a file system raises: `failure` is the first error of ours.
    """

    protocol = "lakehouse"
    cachable = False

    def __init__(self, folder: Path) -> None:
        """Downloads go into `folder`, and are found there again."""
        super().__init__()
        self.failure: MedallionError | None = None
        self._folder = folder
        self._snapshots: dict[str, tuple[Snapshot, str, int]] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def names(self, snapshot: Snapshot, paths: Iterable[str] | None = None) -> list[str]:
        """How DuckDB names the snapshot's files, or those of `paths`: local ones by their own paths."""
        if not _is_remote(snapshot):
            return [str(file) for file in local_files(snapshot, self._folder, paths=paths)]
        sizes = _sizes(snapshot)
        named = {f"{snapshot.table.path}/{name}": (snapshot, name, sizes[name]) for name in _names(snapshot, paths)}
        self._snapshots |= named
        return [f"{self.protocol}://{path}" for path in named]

    def glob(self, path: str, *_: Any, **__: Any) -> list[str]:
        """The file: no name is a pattern."""
        return [path] if self.exists(path) else []

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What is known of a file without asking the bucket."""
        return {"name": path, "size": self._known(path)[2], "type": "file"}

    def exists(self, path: str, **_: Any) -> bool:
        """Whether a snapshot names it."""
        return self._strip_protocol(path) in self._snapshots

    def modified(self, path: str) -> datetime:
        """A moment that stays the same, as the file does."""
        return self._known(path)[0].made_at

    def _open(self, path: str, *_: Any, **__: Any) -> FileIO:
        """The file, downloaded now unless it lies there."""
        snapshot, name, size = self._known(path)
        file = self._folder / snapshot.table.path / name
        with self._locks[str(file)]:
            if _size(file) != size:
                try:
                    expect_room(self._folder, size, what=f"a file of {snapshot.table.name}")
                    _download(snapshot, name, size, file)
                except MedallionError as error:
                    self.failure = self.failure or error
                    raise
        return _Opened(file)

    def _known(self, path: str) -> tuple[Snapshot, str, int]:
        return self._snapshots[self._strip_protocol(path)]


class _Opened(FileIO):
    """An open file that closes itself, since DuckDB only lets go of it."""

    def __del__(self) -> None:
        self.close()


def _names(snapshot: Snapshot, paths: Iterable[str] | None) -> list[str]:
    if paths is None:
        return list(snapshot.files["path"])
    return list(paths)


def _sizes(snapshot: Snapshot) -> dict[str, int]:
    return dict(snapshot.files.select("path", "size_bytes").iter_rows())


def _is_remote(snapshot: Snapshot) -> bool:
    return snapshot.uri.startswith("s3://")


def _download(snapshot: Snapshot, name: str, size: int, file: Path) -> None:
    """Download a file of a snapshot; it lies in its place when it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    with storage_errors(snapshot.table.name, snapshot.uri):
        store = store_of(snapshot.uri, snapshot.lakehouse.storage_options)
        if not download(store, name, part) or _size(part) != size:
            raise _gone(snapshot, name)
        part.rename(file)


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _gone(snapshot: Snapshot, name: str) -> MedallionError:
    return not_a_table(
        f"version {snapshot.version} of {snapshot.table.name}",
        snapshot.uri,
        f"its log names {name}, which is not there, or of another size",
    )

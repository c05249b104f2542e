"""Live data files: present, of the size, rows and bytes that the log says; and files that the log does not know.

Belongs here: one file at a time.
Does not: the log, or what the rows say.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any
from urllib.parse import unquote

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.delta.files.data_files import LOG_FOLDER
from medallion_assets.delta.files.parquet_footer import FooterError
from medallion_assets.delta.files.writing import SHORTENED_BYTES, bounds_of, footer_of
from medallion_assets.delta.log.replay import Logged, Replayed
from medallion_assets.delta.storage_errors import READING_ERRORS
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors.long_texts import first_line
from medallion_assets.operations.verify.findings import Finding, rebuild
from medallion_assets.storage.listing import list_objects
from medallion_assets.storage.options import StorageOptions
from medallion_assets.storage.stores import local_path, open_store

OURS = re.compile(r"part-[0-9a-f]{32}\.parquet")
"""The names that `delta.files.writing` gives."""
READERS = max(4, os.cpu_count() or 1)
"""Files that are read at once; hashing them leaves the other threads running."""


class Level(IntEnum):
    """How closely files are looked at: names, sizes and footers; every byte; every value of every row as well."""

    FAST = 0
    DIGESTS = 1
    DEEP = 2


@dataclass(kw_only=True)
class FileLook:
    """What was found. `undigested` counts live files without a digest; `strangers` are files that no commit names."""

    findings: list[Finding] = field(default_factory=list)
    undigested: int = 0
    strangers: list[str] = field(default_factory=list)


def verify_files(
    snapshot: Snapshot, replay: Replayed, *, level: Level = Level.FAST, progress: Callable[[], None] = lambda: None
) -> FileLook:
    """Look at every live data file of a table; `progress` is called after each.

    A file without a digest (an earlier release or another writer wrote it) has all its values decoded instead, from
    DIGESTS on: so one that broke off or was changed is found, unless the change makes another valid file.
    """
    look = FileLook()
    store = open_store(snapshot.uri, snapshot.lakehouse.storage_options)
    sizes = {found.key: found.size for found in list_objects(store) if _is_data(found.key)}
    look.strangers = sorted(path for path in sizes if path not in replay.named and unquote(path) not in replay.named)
    rows = {row["path"]: row for row in snapshot.files.iter_rows(named=True)}
    paths = sorted(replay.live)

    def look_at(path: str) -> Finding | None:
        return _look(snapshot, store, path, sizes.get(path), replay.live[path], rows.get(path, {}), level)

    with ThreadPoolExecutor(READERS) as pool:
        for path, finding in zip(paths, pool.map(look_at, paths), strict=True):
            logged = replay.live[path]
            look.undigested += logged.digest is None
            found = finding
            if found is None and (level is Level.DEEP or (level is Level.DIGESTS and logged.digest is None)):
                found = _decoded(snapshot, path, logged)  # Polars has threads of its own
            look.findings += [found] if found is not None else []
            progress()
    return look


def foreign_files(snapshot: Snapshot, look: FileLook, owners: Mapping[str, str]) -> Iterator[Finding]:
    """Files in the table's folder that no commit names, and that no stage of ours wrote for it.

    Ours write files that they do not commit: when they are killed, or find nothing to add. `owners` says of which table
    a file's name is, wherever it lies.
    """
    for path in look.strangers:
        name = path.rsplit("/", 1)[-1]
        owner = owners.get(name, snapshot.table.name)
        if owner == snapshot.table.name and OURS.fullmatch(name):
            continue
        found = f"a file of {owner}" if name in owners else "a file that no commit names, and no stage of ours wrote"
        yield Finding(
            table=snapshot.table.name,
            check="file_is_in_the_log",
            file=path,
            expected="files that commits of this table name",
            found=found,
            do="no reader of the table sees it: find out who put it there, then move it away",
        )


def _is_data(path: str) -> bool:
    """Whether readers and vacuum would take it for data: hidden names are none, unless they name a partition."""
    hidden = (part.startswith(("_", ".")) and "=" not in part for part in path.split("/"))
    return not path.startswith(f"{LOG_FOLDER}/") and not any(hidden)


def _look(
    snapshot: Snapshot,
    store: ObjectStore,
    path: str,
    size: int | None,
    logged: Logged,
    row: Mapping[str, Any],
    level: Level,
) -> Finding | None:
    if size is None:
        return _finding(snapshot, "file_is_present", path, f"{logged.rows} rows in {logged.size} bytes", "no such file")
    if size != logged.size:
        return _finding(snapshot, "file_has_its_size", path, f"{logged.size} bytes", f"{size} bytes")
    try:
        if level >= Level.DIGESTS and logged.digest is not None and (found := _digest(store, path)) != logged.digest:
            return _finding(snapshot, "file_has_its_digest", path, f"SHA-256 {logged.digest}", found)
        footer = footer_of(store, path, size)
        bounds = bounds_of(footer, snapshot.table)
    except (FooterError, ValueError, OSError) as error:
        return _finding(snapshot, "file_is_readable", path, f"{logged.rows} rows", first_line(error))
    if logged.rows is not None and footer.rows != logged.rows:
        return _finding(
            snapshot, "file_has_its_rows", path, f"{logged.rows} rows, as the log says", f"{footer.rows} rows"
        )
    for name, (low, high) in bounds.items():
        noted = (row.get(f"min.{name}"), row.get(f"max.{name}"))
        if (
            None not in noted
            and noted not in ((low, high), _in_millis(low, high))
            and not _is_shortened(noted, low, high)
        ):
            expected = f"{name} from {noted[0]} to {noted[1]}, as the log says"
            return _finding(snapshot, "file_has_its_bounds", path, expected, f"{low} to {high}: it is another file")
    return None


def _in_millis(low: Any, high: Any) -> tuple[Any, Any] | None:
    """Moments as other engines note them: Delta's protocol lets them cut off what is below a millisecond."""
    if not (isinstance(low, datetime) and isinstance(high, datetime)):
        return None
    low, high = (moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in (low, high))
    return low, high


def _is_shortened(noted: tuple[Any, Any], low: Any, high: Any) -> bool:
    """Whether a footer's bounds are those that the log notes whole: it shortens long text, downwards and upwards."""
    if not (isinstance(low, str) and isinstance(high, str)) or len(low.encode()) < SHORTENED_BYTES:
        return False
    least, greatest = map(str, noted)
    return low <= least and greatest <= high and least.startswith(low)


def _digest(store: ObjectStore, path: str) -> str:
    """The SHA-256 of a file, read in pieces."""
    with local_path(store, path) as local:
        if local is None:
            raise FileNotFoundError(path)
        with local.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def _decoded(snapshot: Snapshot, path: str, logged: Logged) -> Finding | None:
    try:
        # A hash of every value is the cheapest way to have each of them decoded, without holding the file in memory.
        hashes = pl.all().hash().sum().name.prefix("hash of ")
        found = _rows(snapshot, path).select(hashes, pl.len().alias("rows")).collect(engine="streaming")["rows"].item()
    except READING_ERRORS as error:
        return _finding(snapshot, "file_is_readable", path, f"{logged.rows} rows", first_line(error))
    if logged.rows is not None and found != logged.rows:
        return _finding(snapshot, "file_has_its_rows", path, f"{logged.rows} rows, as the log says", f"{found} rows")
    return None


def _rows(snapshot: Snapshot, path: str) -> pl.LazyFrame:
    """The file's rows in the contract's types; of a table without a contract in their own."""
    if snapshot.table.columns:
        return snapshot.scan(paths=[path])
    options = StorageOptions(snapshot.lakehouse.storage_options).of_polars(snapshot.uri)
    return pl.scan_parquet(f"{snapshot.uri}/{path}", glob=False, hive_partitioning=False, **options)


def _finding(snapshot: Snapshot, check: str, path: str, expected: str, found: str) -> Finding:
    do = f"restore the file from a backup; else {rebuild(snapshot.table)}"
    return Finding(table=snapshot.table.name, check=check, file=path, expected=expected, found=found, do=do)

"""Data files of a Delta table: written first, and entered in or taken out of the log by a commit.

Belongs here: what the log says of a file.
Does not: writing files, or committing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import obstore
from deltalake.transaction import AddAction, RemoveAction
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from medallion_assets.contracts.table import Table
from medallion_assets.storage.s3 import s3_store

LOG_FOLDER = "_delta_log"
DIGEST = "medallion_sha256"
"""The name of a file's digest among its statistics in the log: readers pass over names there that they do not know,
and checkpoints keep the statistics as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """A parquet file that is written but belongs to no version yet; an orphan unless it is committed.

    `path` is below the table; `bounds` gives the least and greatest value of columns, `nulls` their missing values, for
    the log. Text may be shortened there, outwards. `digest` is the SHA-256 of the file's bytes.
    """

    path: str
    size: int
    rows: int
    partition: str | None
    bounds: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    nulls: Mapping[str, int] = field(default_factory=dict)
    digest: str | None = None

    def of_values(self, values: Mapping[str, Any]) -> WrittenFile:
        """With the values that columns have in every row: the log has them whole, also where a footer shortens them."""
        return replace(self, bounds={**self.bounds, **{name: (value, value) for name, value in values.items()}})


def add_action(written: WrittenFile, table: Table, *, now_millis: int) -> AddAction:
    """The log entry that makes a written file part of its table."""
    bounds = {name: pair for name, pair in written.bounds.items() if pair[0] is not None}
    stats = {
        "numRecords": str(written.rows),
        "minValues": _json({name: _stat(low) for name, (low, _) in bounds.items()}),
        "maxValues": _json({name: _stat(high) for name, (_, high) in bounds.items()}),
        "nullCount": json.dumps(dict(written.nulls)),
    }
    if written.digest is not None:
        stats[DIGEST] = json.dumps(written.digest)
    values = {table.partition_by: written.partition} if table.partition_by else {}
    return AddAction(written.path, written.size, values, now_millis, True, _json(stats))


def remove_action(file: Mapping[str, Any], table: Table, *, now_millis: int) -> RemoveAction:
    """The log entry that takes a live file (a row of `Snapshot.files`) out of its table."""
    value = file[f"partition.{table.partition_by}"] if table.partition_by else None
    values = {table.partition_by: None if value is None else str(value)} if table.partition_by else {}
    return RemoveAction(
        path=file["path"],
        data_change=True,
        deletion_timestamp=now_millis,
        partition_values=values,
        size=file["size_bytes"],
    )


def file_without_log(uri: str, storage_options: Mapping[str, str]) -> str | None:
    """A file in the place of a table that is in no log, as far as a first look tells; None when there is none.

    Raises:
        OSError: the storage did not answer, or there is an object whose name no table can have.
    """
    if uri.startswith("s3://"):
        pages = obstore.list(s3_store(uri, storage_options), chunk_size=100)
        try:
            names = [meta["path"] for meta in next(iter(pages), [])]
        except BaseError as error:
            raise OSError(str(error)) from error
    else:
        names = [child.name for child in Path(uri).iterdir()] if Path(uri).is_dir() else []
    return min((name for name in names if name.split("/")[0] != LOG_FOLDER), default=None)


def file_in_the_way(uri: str) -> str | None:
    """A file where a folder above a local table should be, or in the table's own place; None when there is none."""
    if uri.startswith("s3://"):
        return None
    return next((str(place) for place in (Path(uri), *Path(uri).parents) if place.is_file()), None)


def store_of(url: str, storage_options: Mapping[str, str]) -> ObjectStore:
    """The store of a table that is there, with keys below `url`."""
    return s3_store(url, storage_options) if url.startswith("s3://") else LocalStore(url)


def read_file(store: ObjectStore, path: str) -> bytes | None:
    """The bytes of a small file; None when it is not there.

    Raises:
        OSError: the storage did not answer.
    """
    try:
        return bytes(obstore.get(store, path).bytes())
    except FileNotFoundError:
        return None
    except BaseError as error:
        raise OSError(str(error)) from error


def _stat(value: Any) -> str:
    """A bound as JSON. Money is written digit by digit: as a float it would be another amount."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value if isinstance(value, (int, str)) else value.isoformat().replace("+00:00", "Z"))


def _json(members: Mapping[str, str]) -> str:
    """An object of members that are JSON already."""
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in members.items()) + "}"

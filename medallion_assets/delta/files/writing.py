"""Writing: rows become a Parquet file of a table, which no reader sees before a commit names it.

Belongs here: writing a file, its digest and its figures, which the commit enters in the log.
Does not: the log entry itself, or committing.

The digest is made of the bytes on their way to the storage, so it also tells of what a disk or a network changed.
Nothing is read back for the figures: they come from the footer, which is the end of what was sent. A file
that the storage took, and then lost or cut short, is found by `medallion verify`.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, cast

import obstore
import polars as pl
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.data_files import WrittenFile, store_of
from medallion_assets.delta.files.parquet_footer import Footer, footer_length, read_footer
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.storage_errors import refusals
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.errors import PermanentError
from medallion_assets.storage.options import StorageOptions
from medallion_assets.storage.sizes import MEBIBYTE

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
COMPRESSION_LEVEL = 1
"""Of zstd."""
COPIED_BYTES = MEBIBYTE
FOOTER_BYTES = 64 * 1024
"""How much of the end of a file is kept, or asked for at first: nearly every footer is shorter."""
SHORTENED_BYTES = 64
"""Polars shortens longer text in a footer, the lower bound downwards and the upper one upwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFolder:
    """Where the files of a table lie: what writing has to know, as a value that can be handed to another process."""

    table: Table
    uri: str
    storage_options: StorageOptions = field(default_factory=StorageOptions)

    def part(self, paths: Iterable[str], schema: pl.Schema | None = None, *, rows: Iterable[int] = ()) -> ParquetFiles:
        """Some of its files, with the columns of the contract, or of `schema`; `rows` as `ParquetFiles` has it."""
        return ParquetFiles(
            uri=self.uri,
            paths=tuple(paths),
            schema=schema or polars_schema(self.table),
            partition_by=self.table.partition_by,
            storage_options=self.storage_options,
            rows=tuple(rows),
        )

    def write(
        self,
        rows: pl.LazyFrame,
        *,
        partition: date | None = None,
        bounds: Collection[str] = (),
        row_group_rows: int | None = None,
    ) -> WrittenFile:
        """Write rows as one Parquet file of the table, to be committed later.

        `rows` has the contract's columns. The log gets the bounds of all of them that can have any; those of the
        columns that `bounds` names are exact, or it is an error. A row group has at most `row_group_rows`, where that
        is given, for rows that may be long: readers hold row groups whole.

        Raises:
            TypeError: `partition` is no day: the log would hold a value that nobody can read any more.
            PermanentError: the storage refuses; or a text of one of `bounds` is too long for a bound.
            OSError: the storage failed, or the source of the rows did.
        """
        if self.table.partition_by is not None:
            rows = rows.drop(self.table.partition_by, strict=False)

        return self._written(partial(_write, rows=rows, row_group_rows=row_group_rows), partition, bounds)

    def write_file(self, file: Path, *, partition: date | None = None, bounds: Collection[str] = ()) -> WrittenFile:
        """Copy a local Parquet file with the contract's columns, but for the partition; otherwise as `write` does."""
        return self._written(partial(_copy, file=file), partition, bounds)

    def _written(
        self,
        write: Callable[[ObjectStore, str], _HashingSink],
        partition: date | None,
        bounds: Collection[str],
    ) -> WrittenFile:
        table, subfolder = self.table, ""
        if partition is not None and type(partition) is not date:  # a moment is a date too
            raise TypeError(f"{table.name}: a partition is a day, and not {partition!r}")
        if table.partition_by is not None:
            subfolder = f"{table.partition_by}={NULL_PARTITION if partition is None else partition}/"
        path = f"{subfolder}part-{uuid.uuid4().hex}.parquet"
        store = store_of(self.uri, self.storage_options)
        with refusals(table, f"{self.uri}/{path}"):
            sent = write(store, path)
        footer = _footer(store, path, sent.size, sent.end)
        return WrittenFile(
            path=path,
            size=sent.size,
            rows=footer.rows,
            partition=None if partition is None else str(partition),
            bounds=bounds_of(footer, table, bounds),
            nulls={name: column.nulls for name, column in footer.columns.items() if column.nulls is not None},
            digest=sent.digest,
        )


def footer_of(store: ObjectStore, path: str, size: int) -> Footer:
    """The footer of a file of `size` bytes.

    Raises:
        FooterError: it is no whole Parquet file.
    """
    return _footer(store, path, size, _tail(store, path, size, FOOTER_BYTES))


def _footer(store: ObjectStore, path: str, size: int, tail: bytes) -> Footer:
    """The footer of a file whose end is known; a longer one is read from there."""
    if (length := footer_length(tail)) > len(tail):
        tail = _tail(store, path, size, length)
    return read_footer(tail)


def bounds_of(footer: Footer, table: Table, exact: Collection[str] = ()) -> dict[str, tuple[Any, Any]]:
    """Lower and upper bound of each column that can have them, and whose contract says that readers look for it."""
    bounds = {}
    for column in table.columns:
        figures = footer.columns.get(column.name)
        if figures is None or figures.low is None or figures.high is None or not column.has_bounds:
            continue
        if column.name in exact and len(figures.low) >= SHORTENED_BYTES:
            raise PermanentError(
                f"{column.name} is too long for the log, which readers take it from",
                where=table.name,
                expected=f"text of under {SHORTENED_BYTES} bytes",
                found=figures.low.decode(),
            )
        pair = (figures.value(figures.low, column.type), figures.value(figures.high, column.type))
        if None not in pair:
            bounds[column.name] = pair
    return bounds


def _write(store: ObjectStore, path: str, *, rows: pl.LazyFrame, row_group_rows: int | None) -> _HashingSink:
    """What was written, closed."""
    with _hashing(store, path) as sink:
        try:
            rows.sink_parquet(
                cast("io.BytesIO", sink),
                compression_level=COMPRESSION_LEVEL,
                row_group_size=row_group_rows,
                engine="streaming",
            )
        except Exception:
            if sink.failure is not None:  # Polars wraps it as if the rows were at fault
                raise sink.failure from None
            raise
    return sink


def _copy(store: ObjectStore, path: str, *, file: Path) -> _HashingSink:
    """What was written, closed."""
    with file.open("rb") as source, _hashing(store, path) as sink:
        while chunk := source.read(COPIED_BYTES):
            sink.write(chunk)
    return sink


@contextmanager
def _hashing(store: ObjectStore, path: str) -> Iterator[_HashingSink]:
    try:
        with obstore.open_writer(store, path) as file:
            yield _HashingSink(file)
    except BaseError as error:
        raise OSError(str(error)) from error


def _tail(store: ObjectStore, path: str, size: int, length: int) -> bytes:
    if size <= 0:
        return b""
    try:
        return bytes(obstore.get_range(store, path, start=max(0, size - length), end=size))
    except BaseError as error:
        raise OSError(str(error)) from error


class _HashingSink(io.RawIOBase):
    """Passes bytes on to a file, takes their digest on the way, and keeps the last ones: they hold the footer.

    `failure` is what the file raised, if it did.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._last: deque[bytes] = deque()
        self._kept = 0
        self.size = 0
        self.failure: Exception | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of all that was written, in hexadecimal digits."""
        return self._hash.hexdigest()

    @property
    def end(self) -> bytes:
        """The last `FOOTER_BYTES` at least, or all of a shorter file."""
        return b"".join(self._last)

    def writable(self) -> bool:
        """Whether it can be written to: Polars asks."""
        return True

    def write(self, data: Any) -> int:
        """Write all of it."""
        self._hash.update(data)
        try:
            self._file.write(data)
        except Exception as error:
            self.failure = error
            raise
        self.size += len(data)
        self._keep(bytes(data[-FOOTER_BYTES:]))
        return len(data)

    def _keep(self, data: bytes) -> None:
        self._last.append(data)
        self._kept += len(data)
        while self._kept - len(self._last[0]) >= FOOTER_BYTES:
            self._kept -= len(self._last.popleft())

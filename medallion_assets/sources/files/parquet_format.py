"""Parquet as a format of files: rows become records, as JSON whose values are texts.

Belongs here: reading row groups in bounded memory, one text for each value, and those texts again.
Does not: flags and sequences, or typing.

A value's text is exact: a decimal has all its digits, a timestamp is ISO 8601 (with Z, if the column has a zone), so
are a time and a duration, bytes are base64. What is nested is JSON in a text, a map a list of its entries.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import polars as pl
from obstore.store import LocalStore, ObjectStore

from medallion_assets.contracts.columns import RAW
from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.parquet_footer import MAGIC
from medallion_assets.delta.storage_errors import READING_ERRORS
from medallion_assets.errors import OutOfMemoryError
from medallion_assets.errors.native import as_error
from medallion_assets.sources.files.verdicts import FileRefusedError, FileVerdict, reading
from medallion_assets.sources.records import JsonLines, RecordColumns, json_text
from medallion_assets.storage.failures import of_disk, store_errors
from medallion_assets.storage.stores import local_path

if TYPE_CHECKING:
    from polars._typing import PolarsDataType  # exists for type checkers only


@dataclass(frozen=True, slots=True, kw_only=True)
class Parquet:
    """Parquet files; a column may be of any type, and is judged by the text of its values."""

    rules: ClassVar[str] = "parquet"

    def records(
        self, store: ObjectStore, key: str, required: Sequence[str]
    ) -> Generator[tuple[tuple[str, ...], pl.Series]]:
        """The columns of a file and its rows as JSON, some row groups at a time.

        Raises:
            FileRefusedError: the file cannot be read, or lacks a column.
        """
        with reading(key), local_path(store, key) as path:
            if path is None:
                raise FileNotFoundError(key)
            with path.open("rb") as file:
                first = file.read(len(MAGIC))
                if not first:
                    raise FileRefusedError(FileVerdict.EMPTY_FILE, file=key, expected="a Parquet file", found="0 bytes")
                if first != MAGIC:
                    raise FileRefusedError(
                        FileVerdict.NOT_PARQUET, file=key, expected=MAGIC.decode(), found=first.hex(" ")
                    )
            with _expect_parquet(store, key):
                rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
                schema = rows.collect_schema()
                columns = tuple(schema.names())
                if missing := [name for name in required if name not in columns]:
                    found = f"{', '.join(columns)}, without {', '.join(missing)}"
                    raise FileRefusedError(
                        FileVerdict.WRONG_HEADER, file=key, expected=f"columns {', '.join(required)}", found=found
                    )
                texts = rows.select(
                    pl.struct(
                        _text(pl.nth(number), kind).alias(name) for number, (name, kind) in enumerate(schema.items())
                    ).alias(RAW)
                )
                raw = texts.select(pl.col(RAW).struct.json_encode())
                count = 0
                for batch in raw.collect_batches(lazy=True, engine="streaming"):
                    if batch.height:
                        count += batch.height
                        yield columns, batch.get_column(RAW)
                # A worker of Polars that panics ends the batches, as if there were no more rows.
                if count != (whole := rows.select(pl.len()).collect().item()):
                    expected, found = f"{whole} rows, as its footer says", f"{count} that can be read"
                    raise FileRefusedError(FileVerdict.CORRUPT_PARQUET, file=key, expected=expected, found=found)

    def reader(self, table: Table, columns: RecordColumns) -> JsonLines:
        """A reader of its records."""
        return JsonLines(table, columns)

    def canonical(self, record: str) -> str:
        """Rows are spelled in one way."""
        return record

    def spelled(self, text: str) -> str:
        """A text as JSON spells it."""
        return json_text(text)


@contextmanager
def _expect_parquet(store: ObjectStore, key: str) -> Iterator[None]:
    """What Polars cannot read is the fault of the file, unless memory ran out or a disk failed.

    Raises:
        FileRefusedError: CORRUPT_PARQUET.
    """
    try:
        yield
    except READING_ERRORS as error:
        if isinstance(as_error(key, error), OutOfMemoryError):
            raise
        if (said := of_disk(error)) is not None:
            # Of a bucket's file we read a copy, on a disk of ours.
            with store_errors(key, is_object=isinstance(store, LocalStore)):
                raise said from None
        raise FileRefusedError(
            FileVerdict.CORRUPT_PARQUET, file=key, expected="a whole Parquet file", found=str(error)[:500]
        ) from error


def _text(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """The text of a column, which is not called by its name: Polars would take `*` and `^...$` for patterns."""
    if isinstance(kind, pl.Datetime):
        micros = value.dt.cast_time_unit("us")
        if kind.time_zone is None:
            return micros.dt.to_string("iso:strict")
        return micros.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.to_string("iso:strict") + "Z"
    if isinstance(kind, pl.Duration | pl.Time):  # a cast leaves out the parts of a second
        return value.dt.to_string("iso")
    if not isinstance(kind, pl.Struct | pl.List | pl.Array | pl.Map):
        return _as_json_has_it(value, kind).cast(pl.String)
    nested = _as_json_has_it(value, kind)
    encoded = (nested if isinstance(kind, pl.Struct) else pl.struct(nested)).struct.json_encode()
    return pl.when(value.is_not_null()).then(encoded)  # else it would be the text `null`


def _as_json_has_it(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """With base64 in the place of bytes, and a list of entries in that of a map, however deep: JSON has neither.

    Keys of a map may be anything, and there may be two of one.
    """
    if isinstance(kind, pl.Binary):
        return value.bin.encode("base64")
    if not _json_lacks(kind):
        return value
    if isinstance(kind, pl.Map):
        return _as_json_has_it(value.map.entries(), _entries(kind))
    if isinstance(kind, pl.Struct):
        numbered = value.struct.rename_fields([str(number) for number in range(len(kind.fields))])  # no patterns
        fields = (
            _as_json_has_it(numbered.struct.field(str(number)), _kind(field.dtype)).alias(field.name)
            for number, field in enumerate(kind.fields)
        )
        return pl.when(value.is_not_null()).then(pl.struct(fields))
    assert isinstance(kind, pl.List | pl.Array)  # noqa: S101 - nothing else is nested
    values = value.arr.to_list() if isinstance(kind, pl.Array) else value
    inner = _kind(kind.inner)
    return values.list.eval(_as_json_has_it(pl.element(), inner)) if _json_lacks(inner) else values


def _json_lacks(kind: pl.DataType) -> bool:
    if isinstance(kind, pl.Struct):
        return any(_json_lacks(_kind(field.dtype)) for field in kind.fields)
    if isinstance(kind, pl.List | pl.Array):
        return _json_lacks(_kind(kind.inner))
    return isinstance(kind, pl.Binary | pl.Map)


def _entries(kind: pl.Map) -> pl.DataType:
    return pl.List(pl.Struct({"key": kind.key, "value": kind.value}))


def _kind(kind: PolarsDataType) -> pl.DataType:
    return kind if isinstance(kind, pl.DataType) else kind()

"""DuckDB views: a snapshot as a view that any SQL may read, over exactly the files that it names.

Belongs here: the DuckDB type of each contract type, connections that need no network, and one view of one snapshot.
Does not: which tables become views (operations.sql, the dbt run), or what is asked of them.

Files are matched to columns by name, as `Snapshot.scan` does: tables here have no column mapping. A view reads local
files alone. Those of a bucket are downloaded first, whole, which is ten times as fast as DuckDB reading them there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import duckdb

from medallion_assets.contracts.table import (
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Table,
    Text,
    TextList,
    TimestampUtc,
    Type,
)
from medallion_assets.delta.data_files import store_of
from medallion_assets.delta.storage_errors import not_a_table, storage_errors
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.storage.parallel import for_each
from medallion_assets.storage.stores import download

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
)
"""What every connection is set to: moments are UTC's whatever the machine says, and nothing is downloaded."""
Progress = Callable[[int, int], None]


def connect(database: str | Path = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection with `SETTINGS` to a database in memory, or in a file."""
    connection = duckdb.connect(str(database))
    for name, value in SETTINGS.items():
        connection.execute(f"set {name} = '{value}'")
    return connection


def make_view(
    connection: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    *,
    downloads: Path,
    schema: str | None = None,
    name: str | None = None,
    with_tombstones: bool = False,
    paths: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Make a view of a snapshot, with the columns and types of its contract, in the place of one of that name.

    It is called `schema.name`, else like its table (`silver.orders`). Rows that only say that their key is deleted
    are left out, unless `with_tombstones`. `paths` are some of the snapshot's files, else all. Those that lie in a
    bucket are downloaded into the folder `downloads`, where others of this or another version may lie already; the
    view works as long as they stay there. `progress` is called with how many are there, of how many.

    Raises:
        UnreadableTableError: a file of the table is gone.
        PermanentError, TransientError: the storage refuses, or does not answer.
    """
    table = snapshot.table
    files = local_files(snapshot, downloads, paths=paths, progress=progress)
    schema, name = quoted(schema or table.layer), quoted(name or table.short_name)
    is_live = " where is_deleted is not true" if table.has_tombstones and not with_tombstones else ""
    connection.execute(f"create schema if not exists {schema}")
    connection.execute(f"create or replace view {schema}.{name} as select * from ({_rows(table, files)}){is_live}")


def local_files(
    snapshot: Snapshot, downloads: Path, *, paths: Iterable[str] | None = None, progress: Progress | None = None
) -> list[Path]:
    """The snapshot's files, or those of `paths`, on a local disk: where they lie, or below `downloads`.

    Raises:
        UnreadableTableError: one of them is gone.
        PermanentError, TransientError: the storage refuses, or does not answer.
    """
    table, uri = snapshot.table, snapshot.uri
    names = list(snapshot.files["path"] if paths is None else paths)
    is_remote = uri.startswith("s3://")
    folder = downloads / table.path if is_remote else Path(uri)
    _expect_one_partition(table, folder)
    if is_remote:
        _download_missing(snapshot, names, folder, progress or (lambda _done, _total: None))
    files = [folder / name for name in names]
    if gone := next((file for file in files if not file.is_file()), None):
        raise _gone(snapshot, str(gone.relative_to(folder)))
    return files


def quoted(name: str) -> str:
    """A name as DuckDB takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def duckdb_type(column_type: Type) -> str:
    """The DuckDB type that holds a contract type."""
    match column_type:
        case Text():
            return "VARCHAR"
        case Integer():
            return "BIGINT"
        case Decimal(precision, scale):
            return f"DECIMAL({precision},{scale})"
        case Float():
            return "DOUBLE"
        case TimestampUtc():
            return "TIMESTAMPTZ"
        case Date():
            return "DATE"
        case Boolean():
            return "BOOLEAN"
        case TextList():
            return "VARCHAR[]"


def _rows(table: Table, files: list[Path]) -> str:
    """The rows of some files. Naming the columns spares DuckDB from opening every file to learn them."""
    types = {column.name: duckdb_type(column.type) for column in table.columns}
    if not files:
        return f"select {', '.join(f'null::{kind} as {quoted(name)}' for name, kind in types.items())} where false"
    columns = ", ".join(
        f"{_text(name)}: {{name: {_text(name)}, type: {_text(kind)}, default_value: null}}"
        for name, kind in types.items()
        if name != table.partition_by
    )
    options = [f"schema = map {{{columns}}}"]
    if (partition := table.partition_by) is None:
        options.append("hive_partitioning = false")
    else:
        options += ["hive_partitioning = true", f"hive_types = {{{_text(partition)}: {types[partition]}}}"]
    listed = ", ".join(_text(str(file)) for file in files)
    return f"select {', '.join(map(quoted, types))} from read_parquet([{listed}], {', '.join(options)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _expect_one_partition(table: Table, folder: Path) -> None:
    """Refuse a place above whose files a folder is named like their partition: DuckDB would take that one's value."""
    if stranger := next((part for part in folder.parts if part.startswith(f"{table.partition_by}=")), None):
        raise PermanentError(
            f"{table.name} cannot be read by SQL where it lies",
            expected=f"no folder above the table that is named {table.partition_by}=...",
            found=stranger,
            do="move the lakehouse, and set MEDALLION_LAKEHOUSE_URL to the new place",
        )


def _download_missing(snapshot: Snapshot, names: list[str], folder: Path, progress: Progress) -> None:
    """Files never change, so one that lies there with the size that the log names is the one."""
    sizes = dict(snapshot.files.select("path", "size_bytes").iter_rows())
    missing = {name for name in names if _size(folder / name) != sizes[name]}
    store = store_of(snapshot.uri, snapshot.lakehouse.storage_options)
    there = [name for name in names if name not in missing]

    def fetch(name: str) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        if not download(store, name, part) or _size(part) != sizes[name]:
            raise _gone(snapshot, name)
        part.rename(file)
        there.append(name)  # which is safe among threads
        progress(len(there), len(names))

    with storage_errors(snapshot.table.name, snapshot.uri):
        for_each(missing, fetch)


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _gone(snapshot: Snapshot, name: str) -> PermanentError:
    return not_a_table(
        f"version {snapshot.version} of {snapshot.table.name}",
        snapshot.uri,
        f"its log names {name}, which is not there, or of another size",
    )

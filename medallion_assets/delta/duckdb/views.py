"""DuckDB views: a snapshot as a view that any SQL may read, over exactly the files that it names.

Belongs here: the DuckDB type of each contract type, connections that need no network, and one view of one snapshot.
Does not: how it gets at files, which tables become views (operations, the dbt run), or what is asked of them.

Files are matched to columns by name, as `Snapshot.scan` does: tables here have no column mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import duckdb

from medallion_assets.contracts.columns import IS_DELETED
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
from medallion_assets.delta.duckdb.files import Downloading, FilesOnDemand, local_files
from medallion_assets.delta.table import Snapshot
from medallion_assets.errors import PermanentError

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
)
"""What every connection is set to: moments are UTC's whatever the machine says, and nothing is downloaded."""


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
    downloads: Path | FilesOnDemand,
    schema: str | None = None,
    name: str | None = None,
    with_tombstones: bool = False,
    paths: Iterable[str] | None = None,
    progress: Downloading | None = None,
) -> list[str]:
    """Make a view of a snapshot, with the columns and types of its contract, and give the files that it reads.

    It takes the place of one of its name, and is called `schema.name`, else like its table (`silver.orders`). Rows that
    only say that their key is deleted are left out, unless `with_tombstones`. `paths` are some of the snapshot's files,
    else all. Those that lie in a bucket are downloaded into the folder `downloads`, where others of this or another
    version may lie already: now, or with `FilesOnDemand` once a query opens them. The view works as long as they stay
    there. `progress` is called with how many are there, of how many.

    Raises:
        UnreadableTableError: a file of the table is gone.
        PermanentError, TransientError: the storage refuses, or does not answer.
    """
    _expect_one_partition(snapshot.table, snapshot.uri)
    if isinstance(downloads, FilesOnDemand):
        files = downloads.names(snapshot, paths)
    else:
        files = [str(file) for file in local_files(snapshot, downloads, paths=paths, progress=progress)]
    _make_view(connection, snapshot.table, files, schema, name, with_tombstones=with_tombstones)
    return files


def make_empty_view(connection: duckdb.DuckDBPyConnection, table: Table, *, name: str | None = None) -> None:
    """Make a view without rows, of a table that has none yet, as `make_view` does."""
    _make_view(connection, table, [], None, name, with_tombstones=True)


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


def _make_view(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    files: list[str],
    schema: str | None,
    name: str | None,
    *,
    with_tombstones: bool,
) -> None:
    schema, name = quoted(schema or table.layer), quoted(name or table.short_name)
    is_live = f" where {IS_DELETED} is not true" if table.has_tombstones and not with_tombstones else ""
    connection.execute(f"create schema if not exists {schema}")
    connection.execute(f"create or replace view {schema}.{name} as select * from ({_rows(table, files)}){is_live}")


def _rows(table: Table, files: list[str]) -> str:
    """The rows of some files. Naming the columns spares DuckDB from opening every file to learn them."""
    types = {column.name: duckdb_type(column.type) for column in table.columns}
    if not files:
        return f"select {', '.join(f'null::{kind} as {quoted(name)}' for name, kind in types.items())} where false"
    columns = ", ".join(
        f"{text(name)}: {{name: {text(name)}, type: {text(kind)}, default_value: null}}"
        for name, kind in types.items()
        if name != table.partition_by
    )
    options = [f"schema = map {{{columns}}}"]
    if (partition := table.partition_by) is None:
        options.append("hive_partitioning = false")
    else:
        options += ["hive_partitioning = true", f"hive_types = {{{text(partition)}: {types[partition]}}}"]
    listed = ", ".join(text(file) for file in files)
    return f"select {', '.join(map(quoted, types))} from read_parquet([{listed}], {', '.join(options)})"


def text(value: str) -> str:
    """A text as DuckDB takes it, whatever is in it."""
    return "'" + value.replace("'", "''") + "'"


def _expect_one_partition(table: Table, uri: str) -> None:
    """Refuse a place above whose files a folder is named like their partition: DuckDB would take that one's value."""
    if stranger := next((part for part in uri.split("/") if part.startswith(f"{table.partition_by}=")), None):
        raise PermanentError(
            f"{table.name} cannot be read by SQL at its path",
            expected=f"no folder above the table that is named {table.partition_by}=...",
            found=stranger,
            do="move the lakehouse, and set MEDALLION_LAKEHOUSE_URL to the new place",
        )

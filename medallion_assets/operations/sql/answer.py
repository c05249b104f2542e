"""Answers: one query that only reads, asked of the tables that it names.

Belongs here: a database in memory for each query, with views of these tables, in which nothing else can be read and
nothing written.
Does not: what a query names, or how rows are shown.

Only the logs of tables that the query names are read, and of tables in a bucket only the files that it needs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from medallion_assets.delta.duckdb.files import FilesOnDemand
from medallion_assets.delta.duckdb.views import connect, make_empty_view, make_view, quoted, text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MissingTableError, PermanentError
from medallion_assets.operations.sql.pinning import Pins
from medallion_assets.operations.sql.statement import Statement, read_statement
from medallion_assets.operations.sql.tables import NamedTable, find_table, layers, no_such_table, open_version

BATCH_ROWS = 10_000
MEMORY = "1GB"
"""What DuckDB may hold; what does not fit is put into the workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """What a query gave. `rows` come as DuckDB has them, in batches, and are never held as a whole.

    `versions` are those of the tables that were read, by the name in the query; None: the table has no rows yet.
    `releases` are the ids of those that tables were read of, by the same: what dbt builds is never read half made.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    versions: Mapping[str, int | None]
    batches: Iterator[list[tuple[Any, ...]]]
    releases: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def answer(
    lakehouse: Lakehouse,
    query: str,
    *,
    workspace: Path,
    as_of: datetime | None = None,
    at_most_seconds: float | None = None,
) -> Iterator[QueryAnswer]:
    """Ask one query; the answer can be read while the context lasts.

    `as_of` is the moment whose versions are read, where the query names none. `workspace` is a folder for downloads,
    which later queries find there, and for what does not fit into memory.

    Raises:
        PermanentError: the query does more than read, names no table that there is, or cannot be answered; or it took
            longer than `at_most_seconds`.
        UnreadableTableError, PermanentError, TransientError: a table cannot be read.
    """
    files = FilesOnDemand(workspace)
    with connect() as connection:
        statement = read_statement(connection, query)
        pins = Pins()
        versions, paths = _make_views(connection, lakehouse, statement, files, as_of, pins)
        _lock(connection, workspace, paths)
        errors = partial(_errors, lakehouse, statement, files, at_most_seconds)
        with _time_limit(connection, at_most_seconds):
            with errors():
                result = connection.execute(statement.text)
            description = result.description or []
            yield QueryAnswer(
                columns=tuple(column[0] for column in description),
                types=tuple(str(column[1]) for column in description),
                versions=versions,
                batches=_batches(result, errors),
                releases=pins.releases,
            )


def _make_views(
    connection: duckdb.DuckDBPyConnection,
    lakehouse: Lakehouse,
    statement: Statement,
    files: FilesOnDemand,
    as_of: datetime | None,
    pins: Pins,
) -> tuple[dict[str, int | None], list[str]]:
    """A view of each table that a statement names; their versions, and the files that may be read."""
    connection.register_filesystem(files)
    schemas = [quoted(layer) for layer in layers(lakehouse.catalog)]
    for schema in schemas:
        connection.execute(f"create schema if not exists {schema}")
    connection.execute(f"set search_path = {text(','.join(schemas))}")
    versions: dict[str, int | None] = {}
    paths: list[str] = []
    for schema, name in statement.tables:
        named = find_table(lakehouse.catalog, schema, name)
        if named is None:  # a part of the query, a table of DuckDB's own, or none at all: DuckDB says which
            continue
        try:
            version = _make_view(connection, lakehouse, named, files, as_of, pins, paths)
        except MissingTableError:
            if schema or name not in statement.ctes:
                raise
        else:
            versions[f"{named.table.layer}.{named.name}"] = version
    return versions, paths


def _make_view(
    connection: duckdb.DuckDBPyConnection,
    lakehouse: Lakehouse,
    named: NamedTable,
    files: FilesOnDemand,
    as_of: datetime | None,
    pins: Pins,
    paths: list[str],
) -> int | None:
    snapshot = open_version(lakehouse, named, as_of)
    if snapshot is None:
        make_empty_view(connection, named.table, name=named.name)
        return None
    moment = as_of if named.version is None else named.version
    if not isinstance(moment, int):
        snapshot = pins.pinned(snapshot, moment, name=f"{named.table.layer}.{named.name}")
    paths += make_view(connection, snapshot, downloads=files, name=named.name, with_tombstones=named.with_tombstones)
    return snapshot.version


def _lock(connection: duckdb.DuckDBPyConnection, workspace: Path, paths: list[str]) -> None:
    """Let nothing be read but these files, and nothing be written but what memory cannot hold; for good."""
    connection.execute(f"set memory_limit = '{MEMORY}'")
    connection.execute(f"set temp_directory = {text(str(workspace / 'spilled'))}")
    connection.execute(f"set allowed_paths = [{', '.join(map(text, paths))}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _batches(
    result: duckdb.DuckDBPyConnection, errors: Callable[[], AbstractContextManager[None]]
) -> Iterator[list[tuple[Any, ...]]]:
    while True:
        with errors():
            batch = result.fetchmany(BATCH_ROWS)
        if not batch:
            return
        yield batch


@contextmanager
def _time_limit(connection: duckdb.DuckDBPyConnection, seconds: float | None) -> Iterator[None]:
    """Interrupt what the connection does after so many seconds."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _errors(
    lakehouse: Lakehouse, statement: Statement, files: FilesOnDemand, at_most_seconds: float | None
) -> Iterator[None]:
    """Turn what DuckDB raises into errors of ours."""
    try:
        yield
    except duckdb.InterruptException as error:
        if at_most_seconds is None:
            raise KeyboardInterrupt from error
        raise PermanentError(
            "the query took too long",
            expected=f"an answer within {at_most_seconds:g} seconds",
            do="ask for fewer days or columns, or allow it more time",
        ) from error
    except duckdb.Error as error:
        raise files.failure or _error(lakehouse, statement, error) from error


def _error(lakehouse: Lakehouse, statement: Statement, error: duckdb.Error) -> PermanentError:
    match error:
        case duckdb.CatalogException():
            for schema, name in statement.tables:
                if name not in statement.ctes and find_table(lakehouse.catalog, schema, name) is None:
                    return no_such_table(lakehouse.catalog, schema, name)
        case duckdb.PermissionException():
            do = "name only tables, such as silver.orders: files cannot be read by name"
            return PermanentError("the query reads something that is not a table of the lakehouse", found=error, do=do)
        case duckdb.OutOfMemoryException():
            do = "ask for fewer days or columns"
            return PermanentError("the query needs too much memory", expected=MEMORY, found=error, do=do)
    return PermanentError("the query cannot be answered", found=error, do="correct it")

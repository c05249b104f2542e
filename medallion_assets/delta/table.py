"""Delta tables: opening them, and snapshots to read from and to commit on.

Belongs here: where tables lie, what opening one may do, and what a snapshot shows.
Does not: what else may lie in the place of a table, writing files, the commit itself, or any rule of the business.

A commit lands as the next version of the snapshot that its content was computed from, or not at all. The snapshot's
application transactions (`Snapshot.transaction`) are therefore as true as its rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.committing import commit_version
from medallion_assets.delta.features import expect_features_written
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.places import is_table, load_table, make_table
from medallion_assets.delta.schema import expect_readable, migrate
from medallion_assets.delta.storage_errors import storage_errors
from medallion_assets.delta.store import TableStore
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.errors import MissingTableError, PermanentError
from medallion_assets.storage.options import StorageOptions

ENGINE_NOTE = "medallion_engine"
"""The commit note that names the engine which made what a commit adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lakehouse:
    """Where the tables lie and who writes: `<url>/<layer>/<table>`, an absolute local path or `s3://bucket/prefix`.

    `author` goes into the metadata of every commit: the run, and who started it. `catalog` says which tables belong
    there, `engine` is what computes on their files, `store` makes the calls that open and change them.
    """

    url: str
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    author: Mapping[str, str] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    engine: Engine = field(default_factory=PolarsEngine)
    store: TableStore = field(default=TableStore(), repr=False)

    def __post_init__(self) -> None:
        """Refuse places where delta-rs finds a table, yet not its history: batches would count as never loaded."""
        if set(self.url) & set("#?%"):
            raise PermanentError(
                "the lakehouse cannot be stored there",
                expected="a path or URL without #, ? and %",
                found=repr(self.url),
                do="move it, and set MEDALLION_LAKEHOUSE_URL or MEDALLION_HOME to the new place",
            )

    def scratch(self, folder: Path) -> Lakehouse:
        """A lakehouse of its own in a local folder, for copies that are made and then compared."""
        return Lakehouse(url=str(folder), engine=self.engine.here, store=self.store)

    @contextmanager
    def workspace(self) -> Iterator[Place]:
        """An empty place for what does not fit into memory, which the engine reaches; removed on leaving."""
        with self.engine.workspace(Place(self.url, StorageOptions(self.storage_options))) as place:
            yield place

    def uri(self, table: Table) -> str:
        """The URL of a table's folder: `<lakehouse>/<layer>/<name>`."""
        return f"{self.url}/{table.path}"

    def exists(self, table: Table) -> bool:
        """Whether the table has been made; raises as `open` does."""
        return is_table(table, self.uri(table), self.storage_options)

    def open(self, table: Table, version: int | None = None) -> Snapshot:
        """The table at its latest (or a given) version, as it lies there: nothing is written.

        Columns that the contract has and the table lacks read as null; those that the contract lacks are not read.

        Raises:
            MissingTableError: nothing lies in its place; a stage that writes makes it (`ready`).
            TableFeatureError, UnreadableTableError, PermanentError, TransientError: see `load_table`.
        """
        delta = self._load(table, version)
        return self._readable(table, delta) if version is None else Snapshot(lakehouse=self, table=table, delta=delta)

    def open_any(self, table: Table) -> Snapshot:
        """The table at its latest version, whatever its columns: for a rebuild, which brings it to its contract.

        Raises:
            MissingTableError, TableFeatureError, UnreadableTableError, PermanentError, TransientError: as `load_table`.
        """
        delta = self._load(table, None)
        expect_features_written(delta, table, self.uri(table))
        return Snapshot(lakehouse=self, table=table, delta=delta)

    def find(self, table: Table) -> Snapshot | None:
        """The table as `open` gives it; None when nothing lies in its place yet."""
        try:
            return self.open(table)
        except MissingTableError:
            return None

    def ready(self, table: Table) -> Snapshot:
        """The table for a stage that writes it: made, empty, when there is none yet, and with every column.

        Raises:
            TableFeatureError, UnreadableTableError, PermanentError, TransientError: see `open` and `migrate`.
        """
        try:
            snapshot = self.open(table)
        except MissingTableError:
            snapshot = self.create(table)
        expect_features_written(snapshot.delta, table, snapshot.uri)
        with storage_errors(table.name, self.uri(table)):
            has_gained = migrate(snapshot.delta, table, self.store.add_columns, self.store.set_properties)
        return self.open(table) if has_gained else snapshot

    def source(self, table: Table) -> Snapshot:
        """The table for a stage that is about to read it: made, empty, where there is none; raises as `ready` does."""
        return self.find(table) or self.ready(table)

    def create(self, table: Table) -> Snapshot:
        """The table at its latest version, made, empty, unless it is there.

        Raises:
            UnreadableTableError, PermanentError, TransientError: as `open` does.
        """
        return self._readable(table, make_table(table, self.uri(table), self.storage_options, self.store))

    def _load(self, table: Table, version: int | None) -> DeltaTable:
        return load_table(table, self.uri(table), version, self.storage_options, self.store)

    def _readable(self, table: Table, delta: DeltaTable) -> Snapshot:
        expect_readable(delta, table)
        return Snapshot(lakehouse=self, table=table, delta=delta)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One version of one table."""

    lakehouse: Lakehouse
    table: Table
    delta: DeltaTable

    @property
    def version(self) -> int:
        """The version of the log that this shows; what is committed later is not seen."""
        return self.delta.version()

    @property
    def table_id(self) -> str:
        """The id that the table was made with: a version means something beside it alone."""
        return str(self.delta.metadata().id)

    @property
    def made_at(self) -> datetime:
        """When the table was made, by its maker's clock."""
        return datetime.fromtimestamp((self.delta.metadata().created_time or 0) / 1000, UTC)

    @property
    def uri(self) -> str:
        """The URL of the table's folder."""
        return self.lakehouse.uri(self.table)

    @property
    def folder(self) -> TableFolder:
        """Where its files lie, and new ones are written."""
        return self.lakehouse.store.folder(self.table, self.uri, self.lakehouse.storage_options)

    @cached_property
    def files(self) -> pl.DataFrame:
        """The live data files, one row each: path, size_bytes, num_records, min.*, max.*, partition.*."""
        with storage_errors(self.table.name, self.uri):
            return pl.DataFrame(self.delta.get_add_actions(flatten=True))

    @property
    def row_count(self) -> int:
        """Rows of the table, as its log says."""
        return int(self.files["num_records"].sum())

    def rows_in(self, partitions: Collection[date | None]) -> int:
        """Rows of some partitions, as its log says."""
        return int(self.partition_files(partitions)["num_records"].sum())

    def transaction(self, app_id: str) -> int | None:
        """The version last committed under an application id, or None."""
        with storage_errors(self.table.name, self.uri):
            return self.delta.transaction_version(app_id)

    def history(self, limit: int) -> list[dict[str, Any]]:
        """The last commits, newest first, as delta-rs numbers them: read them by `commit_notes.commits_since`."""
        with storage_errors(self.table.name, self.uri):
            return self.delta.history(limit)

    def part(
        self,
        *,
        partitions: Collection[date | None] | None = None,
        paths: Iterable[str] | None = None,
        schema: pl.Schema | None = None,
    ) -> ParquetFiles:
        """The files, or those of some partitions, or some of them, as a value that can be handed to another process.

        `schema` names other columns than the contract's, or with other types.
        """
        if paths is not None:
            return self.folder.part(paths, schema)
        files = self.files if partitions is None else self.partition_files(partitions)
        rows = files["num_records"] if "num_records" in files.columns and not files["num_records"].has_nulls() else ()
        return self.folder.part(files["path"], schema, rows=rows)

    def scan(
        self,
        *,
        partitions: Collection[date | None] | None = None,
        paths: Iterable[str] | None = None,
        schema: pl.Schema | None = None,
    ) -> pl.LazyFrame:
        """The rows of a `part`, lazily, in the order of the contract, read by this process."""
        return self.part(partitions=partitions, paths=paths, schema=schema).scan()

    def partition_files(self, partitions: Collection[date | None]) -> pl.DataFrame:
        """The rows of `files` that lie in some partitions."""
        if not self.files.height:
            return self.files
        if len(partitions) == 1:
            return self._by_partition.get(next(iter(partitions)), self.files.clear())
        return self.files.filter(pl.col(f"partition.{self.table.partition_by}").is_in(partitions, nulls_equal=True))

    @cached_property
    def _by_partition(self) -> Mapping[Any, pl.DataFrame]:
        """The rows of `files` of each partition, for whoever asks day by day."""
        groups = self.files.partition_by(f"partition.{self.table.partition_by}", as_dict=True)
        return {value: files for (value,), files in groups.items()}

    @property
    def days(self) -> list[date]:
        """The partitions that hold files, ascending, without the null partition."""
        return [day for day in self.partitions if day is not None]

    @property
    def partitions(self) -> list[date | None]:
        """The partitions that hold files, the null partition last."""
        if not self.files.height or self.table.partition_by is None:
            return []
        values = self.files[f"partition.{self.table.partition_by}"].unique().to_list()
        return sorted(values, key=lambda value: (value is None, value or date.min))

    def commit(
        self,
        add: Iterable[WrittenFile] = (),
        *,
        remove: Iterable[str] = (),
        transactions: Mapping[str, int] | None = None,
        metadata: Mapping[str, object] | None = None,
        new_schema: bool = False,
    ) -> int:
        """Commit written files and removals as the snapshot's next version, and give its number.

        `remove` holds paths of `files`; `transactions` application ids with their versions; `metadata` is put into the
        commit beside the author, every value as JSON. With `new_schema` the table takes its contract's columns, and
        the written files are all that it then holds: every file before, read by other columns, is removed.

        Raises:
            CommitConflictError: the table has moved on since this snapshot; read again and decide again.
            TransientError: the storage failed and the commit is certainly not in.
        """
        removed = set() if new_schema else set(remove)
        gone = self.files.filter(pl.col("path").is_in(removed)).iter_rows(named=True) if removed else ()
        return commit_version(
            self.delta,
            self.table,
            self.uri,
            self.lakehouse.storage_options,
            self.lakehouse.store,
            add=add,
            remove=gone,
            transactions=transactions or {},
            notes={
                **self.lakehouse.author,
                ENGINE_NOTE: self.lakehouse.engine.name,
                **{name: json.dumps(value, default=str) for name, value in (metadata or {}).items()},
            },
            new_schema=new_schema,
        )

"""Exporting: a model in the DuckDB file of a run becomes files of its Delta table, by contract.

Belongs here: reading a model partition by partition, in bounded memory, and writing what differs from the table.
Does not: committing, or how a partition's files are written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.damage import damaged_files, readable_rows
from medallion_assets.delta.duckdb.views import quoted
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.replacing.table_changes import Comparison
from medallion_assets.delta.schema import fits_contract, polars_schema, stored_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.dbt.exporting.fitting import cast, expect_fits, refused, relation


@dataclass(frozen=True, kw_only=True)
class WrittenModel:
    """A model on its way into the place of its table: files to add, paths to remove, the partitions that differ.

    `rows` counts those of the model, written or not. With `new_schema` the table takes its contract's columns, and what
    is added is all that it then holds.
    """

    base: Snapshot
    rows: int
    add: list[WrittenFile] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    replaced: list[date] = field(default_factory=list)
    new_schema: bool = False

    @property
    def table(self) -> Table:
        """The contract by which the model's rows are written."""
        return self.base.table


def write_model(
    connection: duckdb.DuckDBPyConnection,
    base: Snapshot,
    *,
    partitions: Collection[date] | None = None,
    rebuild: Comparison | None = None,
    writes: bool = True,
) -> WrittenModel:
    """Write what a model holds and `base` does not; partitions that are the same keep their files.

    With `partitions` the model holds these alone, and all others of the table stay as they are. A partition that the
    model has no rows of is emptied. A `rebuild` hears how each partition differs; it writes damaged files anew, and
    all of them where the table has other columns than its contract (`Lakehouse.open_any`). Without `writes` nothing is
    written: somebody only asks what differs.

    Raises:
        PermanentError: the model is not as its contract says (`expect_fits`).
        OutOfMemoryError, DiskFullError: DuckDB had no room for it.
    """
    expect_fits(connection, base.table)
    held = set(base.partitions) if partitions is None else set(partitions)
    written, rows = _Writing(base, rebuild, writes), 0
    for partition, frame in model_parts(connection, base.table, held):
        written.put(partition, frame)
        rows += frame.height
    return WrittenModel(
        base=base,
        rows=rows,
        add=written.add,
        remove=written.remove,
        replaced=sorted(written.replaced),
        new_schema=written.new_schema,
    )


def model_parts(
    connection: duckdb.DuckDBPyConnection, table: Table, held: Collection[date | None]
) -> Iterator[tuple[date | None, pl.DataFrame]]:
    """Each partition's rows by contract, in the order of the key: those of the model, and those that are `held`.

    Raises:
        PermanentError: DuckDB cannot read the model by its contract.
        OutOfMemoryError, DiskFullError: DuckDB had no room for it.
    """
    if table.partition_by is None:
        yield None, _rows(connection, table)
        return
    column = cast(table.column(table.partition_by))
    found = {row[0] for row in _execute(connection, table, f"select distinct {column} from {relation(table)}")}
    for partition in sorted({*found, *held}, key=lambda day: day or date.min):
        where = f"where {column} is null" if partition is None else f"where {column} = date '{partition}'"
        yield partition, _rows(connection, table, where)


@dataclass
class _Writing:
    base: Snapshot
    rebuild: Comparison | None
    writes: bool
    add: list[WrittenFile] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    replaced: set[date] = field(default_factory=set)

    def __post_init__(self) -> None:
        is_rebuilt = self.rebuild is not None
        self.new_schema = is_rebuilt and not fits_contract(self.base.delta, self.base.table)
        self.stored = stored_schema(self.base.delta) if is_rebuilt else None
        self.damaged = damaged_files(self.base) if is_rebuilt else set()

    def put(self, partition: date | None, rows: pl.DataFrame) -> None:
        is_whole = self.base.table.partition_by is None
        files = self.base.files if is_whole else self.base.partition_files([partition])
        paths = files["path"].to_list()
        held = readable_rows(self.base.scan(paths=paths, schema=self.stored))
        if self.rebuild is not None:
            self.rebuild.add(rows.clear() if held is None else held, rows, day=partition)
        is_sound = held is not None and not self.new_schema and not self.damaged.intersection(paths)
        if is_sound and held is not None and held.sort(list(self.base.table.key)).equals(rows):
            return
        self.remove += paths
        if rows.height and self.writes:
            self.add.append(self.base.folder.write(rows.lazy(), partition=partition))
        if partition is not None:
            self.replaced.add(partition)


def _rows(connection: duckdb.DuckDBPyConnection, table: Table, where: str = "") -> pl.DataFrame:
    columns = ", ".join(f"{cast(column)} as {quoted(column.name)}" for column in table.columns)
    schema = polars_schema(table)
    try:
        frame = pl.DataFrame(connection.sql(f"select {columns} from {relation(table)} {where}"))
    except duckdb.Error as error:
        raise refused(table, error) from error
    rows = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    return rows.sort(list(table.key))


def _execute(connection: duckdb.DuckDBPyConnection, table: Table, query: str) -> list[Any]:
    try:
        return connection.execute(query).fetchall()
    except duckdb.Error as error:
        raise refused(table, error) from error

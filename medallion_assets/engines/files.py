"""Files: some data files of a table as a plain value, which can be handed to another process.

Belongs here: reading them as one frame, or a few at a time.
Does not: which files a table has (delta), or how much of them is read at a time (an engine).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import polars as pl

from medallion_assets.storage.options import StorageOptions


@dataclass(frozen=True, kw_only=True)
class ParquetFiles:
    """Parquet files below the place of a table, and the columns to read of them.

    `uri` is the table's place, `paths` are below it. The column `partition_by` is in the paths (`name=value/`). What a
    file lacks of the columns is null there. `rows` says how many each path has, where that is known. `only` is a column
    and those of its values whose rows are read: row groups without any are passed over.
    """

    uri: str
    paths: tuple[str, ...]
    schema: pl.Schema
    partition_by: str | None = None
    storage_options: StorageOptions = field(default_factory=StorageOptions)
    rows: tuple[int, ...] = ()
    only: tuple[str, tuple[str, ...]] | None = None

    def of(self, paths: Iterable[str]) -> ParquetFiles:
        """Some of them, of which nobody says how many rows they have."""
        return replace(self, paths=tuple(paths), rows=())

    def parts(self, most: int) -> list[ParquetFiles]:
        """All of them, in order: files that have at most so many rows together, or one; at least one part.

        One of which nobody says how many rows it has is a part.
        """
        counts = self.rows or (most,) * len(self.paths)
        starts = [0]
        height = 0
        for number, rows in enumerate(counts):
            if number > starts[-1] and height + rows > most:
                starts.append(number)
                height = 0
            height += rows
        cuts = [slice(start, stop) for start, stop in pairwise([*starts, len(self.paths)])]
        return [replace(self, paths=self.paths[cut], rows=self.rows[cut]) for cut in cuts]

    def scan(self) -> pl.LazyFrame:
        """The rows, lazily, in the order of the schema."""
        if not self.paths:
            return pl.LazyFrame(schema=self.schema)
        partition = self.partition_by
        # Polars takes a folder such as env=prod above the table for a partition as well.
        above = dict.fromkeys((part.split("=")[0] for part in self.uri.split("/") if "=" in part), pl.String())
        rows = pl.scan_parquet(
            [f"{self.uri}/{path}" for path in self.paths],
            glob=False,
            hive_partitioning=partition is not None,
            hive_schema={**above, partition: self.schema[partition]} if partition else None,
            missing_columns="insert",
            extra_columns="ignore",
            schema={name: kind for name, kind in self.schema.items() if name != partition},
            **self.storage_options.of_polars(self.uri),
        ).select(self.schema.names())
        if self.only is None:
            return rows
        column, values = self.only
        return rows.filter(pl.col(column).is_in(values))

"""Partitioned files: rows of all partitions of a table, written into local files in one pass over them.

Belongs here: which partition a file is of, and how much of the rows is held meanwhile.
Does not: making the files a table's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from polars.io.partition import FileProviderArgs

from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.writing import COMPRESSION_LEVEL
from medallion_assets.delta.schema import polars_schema

MOST_OPEN = 128
"""So many files Polars writes at a time (POLARS_MAX_OPEN_SINKS): of more partitions each row group is a file."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A Parquet file with rows of one partition, and without its column."""

    path: Path
    partition: date | None


def write_partitions(
    rows: pl.LazyFrame, table: Table, folder: str, *, row_group_rows: int, most_bytes: int
) -> list[LocalFile]:
    """Write rows into `folder`: a file for each partition, or several of about `most_bytes` in memory each.

    Of every partition a row group is held until it is full, whatever its bytes: a file ends with a row group. The rows
    of a file are in any order.
    """
    files: list[LocalFile] = []

    def path_of(args: FileProviderArgs) -> str:
        partition: date | None = args.partition_keys.item()
        files.append(LocalFile(Path(folder) / f"{partition}-{args.index_in_partition}.parquet", partition))
        return str(files[-1].path)

    rows.sink_parquet(
        pl.PartitionBy(
            folder,
            key=str(table.partition_by),
            include_key=False,
            file_path_provider=path_of,
            approximate_bytes_per_file=most_bytes,
        ),
        compression_level=COMPRESSION_LEVEL,
        row_group_size=row_group_rows,
        engine="streaming",
    )
    return sorted(files, key=lambda file: file.path)


def by_partition(files: Iterable[LocalFile], table: Table) -> dict[date | None, pl.LazyFrame]:
    """The rows of each partition, with all columns of the contract."""
    schema = polars_schema(table)
    paths: dict[date | None, list[Path]] = {}
    for file in files:
        paths.setdefault(file.partition, []).append(file.path)
    return {
        partition: pl.scan_parquet(some, glob=False, hive_partitioning=False)
        .with_columns(pl.lit(partition, dtype=pl.Date).alias(str(table.partition_by)))
        .select(schema.names())
        for partition, some in paths.items()
    }

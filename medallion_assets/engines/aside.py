"""Aside: rows in files of a workspace, from where whoever is handed their plan reads them again.

Belongs here: the place of a workspace, and writing into it.
Does not: making or removing a workspace (storage), or what is put aside.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from medallion_assets.engines.pieces import rows_of_group, spilled
from medallion_assets.storage.options import StorageOptions

TRAVELLING_BYTES = 64 * 1024
"""Rows that are put aside travel within answers and items up to here."""


@dataclass(frozen=True, slots=True)
class Place:
    """A local folder or `s3://bucket/prefix`, as a value that can be handed to another process."""

    url: str
    storage_options: StorageOptions = field(default_factory=StorageOptions)


@dataclass(frozen=True, slots=True)
class Aside:
    """Puts rows into files of a place, under names that nobody else has; without a place they stay in memory.

    So do rows of at most `memory_bytes`, which then travel with whatever holds them.
    """

    place: Place | None
    memory_bytes: int = -1

    def __call__(self, rows: pl.DataFrame, *, is_sorted: bool = False) -> pl.LazyFrame:
        """The rows, lazily, as often as they are asked for; `is_sorted` is for those that are read in parts."""
        if self.place is None or rows.estimated_size() <= self.memory_bytes:
            return rows.lazy()
        return spilled(rows, _new_path(self.place), self.place.storage_options, is_sorted=is_sorted)


def streamed_aside(rows: pl.LazyFrame, place: Place, *, row_bytes: int) -> pl.LazyFrame:
    """Rows of about so many bytes each, of which nobody knows how many there are, in one file of a place."""
    path, options = _new_path(place), place.storage_options
    rows.sink_parquet(path, compression="lz4", row_group_size=rows_of_group(row_bytes), **options.of_polars)
    return pl.scan_parquet(path, glob=False, hive_partitioning=False, **options.of_polars)


def streamed_apart(rows: pl.LazyFrame, place: Place, *, by: str, row_bytes: int) -> dict[Any, pl.LazyFrame]:
    """The same, by the value of a column: a file of a place for each, all of which are written at a time."""
    paths: dict[Any, str] = {}

    def path_of(file: Any) -> str:
        paths[file.partition_keys.item()] = path = _new_path(place)
        return path

    options = place.storage_options.of_polars
    files = pl.PartitionBy(place.url, key=by, include_key=True, file_path_provider=path_of)
    rows.sink_parquet(files, compression="lz4", row_group_size=rows_of_group(row_bytes), **options)
    return {
        value: pl.scan_parquet(path, glob=False, hive_partitioning=False, **options) for value, path in paths.items()
    }


def _new_path(place: Place) -> str:
    return f"{place.url}/aside-{uuid.uuid4().hex}.parquet"

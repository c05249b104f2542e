"""Aside: rows in files of a workspace, from where whoever is handed their plan reads them again.

Belongs here: the place of a workspace, and writing into it.
Does not: making or removing a workspace (storage), or what is put aside.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from polars.io.partition import FileProviderArgs

from medallion_assets.engines.extent import Extent
from medallion_assets.engines.pieces import ROW_GROUP_BYTES, compression_aside, rows_of_group, spilled
from medallion_assets.errors import PermanentError
from medallion_assets.storage.options import StorageOptions
from medallion_assets.storage.sizes import MEBIBYTE

TRAVELLING_BYTES = 64 * 1024
"""Rows that are put aside travel within answers and items up to here."""
DIFFERING_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A local folder or `s3://bucket/prefix`, as a value that can be handed to another process.

    Of rows that are put aside there by a value, one with more than `file_bytes`, as they are in memory, has several
    files. A row group holds `row_group_bytes`.
    """

    url: str
    storage_options: StorageOptions = field(default_factory=StorageOptions)
    file_bytes: int = 1024 * MEBIBYTE
    row_group_bytes: int = ROW_GROUP_BYTES


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
        place = self.place
        return spilled(
            rows, _new_path(place), place.storage_options, is_sorted=is_sorted, group_bytes=place.row_group_bytes
        )


def streamed_aside(rows: pl.LazyFrame, place: Place, *, row_bytes: int) -> pl.LazyFrame:
    """Rows of about so many bytes each, of which nobody knows how many there are, in one file of a place."""
    path = _new_path(place)
    options = place.storage_options.of_polars(path)
    height = rows_of_group(row_bytes, place.row_group_bytes)
    compression = compression_aside(path, row_bytes)
    rows.sink_parquet(path, compression=compression, row_group_size=height, **options)
    return pl.scan_parquet(path, glob=False, hive_partitioning=False, **options)


def streamed_apart(
    rows: pl.LazyFrame, place: Place, *, by: str, expected: Mapping[Any, Extent]
) -> dict[Any, pl.LazyFrame]:
    """Rows by the value of a column: files of a place for each, all of which are written at a time.

    `expected` has every value that there is, and about how many bytes its rows are. Of each a row group is held,
    short enough for the longest of them.

    Raises:
        PermanentError: other rows were written than were expected.
    """
    paths: dict[Any, list[str]] = {value: [] for value in expected}

    def path_of(file: FileProviderArgs) -> str:
        path = _new_path(place)
        paths.setdefault(file.partition_keys.item(), []).append(path)
        return path

    options = place.storage_options.of_polars(place.url)
    files = pl.PartitionBy(
        place.url, key=by, include_key=True, file_path_provider=path_of, approximate_bytes_per_file=place.file_bytes
    )
    longest = max((extent.row_bytes for extent in expected.values()), default=0)
    height = rows_of_group(longest, place.row_group_bytes)
    rows.sink_parquet(files, compression=compression_aside(place.url, longest), row_group_size=height, **options)
    apart = {
        value: pl.scan_parquet(some, glob=False, hive_partitioning=False, **options)
        for value, some in paths.items()
        if some
    }
    found = {value: int(some.select(pl.len()).collect().item()) for value, some in apart.items()}
    expect_all_written(expected, found, where=place.url)
    return apart


def expect_all_written(expected: Mapping[Any, Extent], found: Mapping[Any, int], *, where: str) -> None:
    """Compare the rows of each value with those written: Polars calls writing by the value of a column unstable.

    Raises:
        PermanentError: they differ.
    """
    rows = {value: extent.rows for value, extent in expected.items()}
    differing = [value for value in {**rows, **found} if rows.get(value, 0) != found.get(value, 0)]
    if differing:
        some = differing[:DIFFERING_SHOWN]
        raise PermanentError(
            f"not all rows were written to {where}: the counts of {len(differing):,} partition values differ",
            expected=", ".join(f"{rows.get(value, 0):,} rows of {value}" for value in some),
            found=", ".join(f"{found.get(value, 0):,} of {value}" for value in some),
            do="report this as a bug, with the release of Polars: nothing of it was committed",
        )


def _new_path(place: Place) -> str:
    return f"{place.url}/aside-{uuid.uuid4().hex}.parquet"

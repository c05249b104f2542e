"""Aside: rows in files of a workspace, from where whoever is handed their plan reads them again.

Belongs here: the place of a workspace, and writing into it.
Does not: making or removing a workspace (storage), or what is put aside.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import polars as pl

from medallion_assets.engines.pieces import spilled
from medallion_assets.storage.options import StorageOptions


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
        path = f"{self.place.url}/aside-{uuid.uuid4().hex}.parquet"
        return spilled(rows, path, self.place.storage_options, is_sorted=is_sorted)

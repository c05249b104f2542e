"""Days of a state table: new rows in the place of old ones, in files that are made in bounded memory.

Belongs here: the rows that won, by day, and replacing a day or the tombstones.
Does not: which rows win (refining.merge).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.table import Table
from medallion_assets.delta.data_files import StagedFile
from medallion_assets.delta.pieces import row_group_rows, text_bytes
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.refining.events import tombstones
from medallion_assets.refining.full_exports import FullExports, bad_in, older_than
from medallion_assets.refining.origins import counted_sequence

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
STATE = ("_sequence_micros", "_export_id")
DAY_BYTES = 128 * 1024 * 1024
"""Text of a day's rows that is in memory at a time, in each of as many threads as Polars has."""
COMPRESSION = 16
"""A day's files may hold so many times the bytes that they have; where they may hold too much, it is counted."""
EVERY_ROW = pl.lit(value=True)


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """One partition made anew; `absent` holds tombstones of its keys that the full export being applied lacks."""

    partition: date | None
    absent: pl.DataFrame
    staged: Sequence[StagedFile] = ()
    removed: Sequence[str] = ()
    restated: bool = False


@dataclass(kw_only=True)
class Winners:
    """The rows that win over what the table holds, by part, and the keys that change their partition.

    A part is in memory, cut into partitions, or (one of several) in a parquet file in the order of its partitions.
    """

    partition_by: str
    parts: list[Mapping[date | None, pl.DataFrame] | Path] = field(default_factory=list)
    schema: pl.Schema
    moved: pl.DataFrame
    partitions: set[date | None] = field(default_factory=set)
    count: int = 0

    def rows_of(self, partition: date | None, chosen: pl.Expr = EVERY_ROW) -> pl.DataFrame:
        """The new rows of a partition."""
        return self._rows_of(partition).filter(chosen).collect()

    def bytes_of(self, partition: date | None) -> int:
        """The bytes of the text in the new rows of a partition."""
        return text_bytes(self._rows_of(partition))

    def _rows_of(self, partition: date | None) -> pl.LazyFrame:
        of_partition = pl.col(self.partition_by).eq_missing(pl.lit(partition, dtype=pl.Date))
        nothing = pl.DataFrame(schema=self.schema)
        return pl.concat(
            [
                pl.scan_parquet(part, glob=False).filter(of_partition)
                if isinstance(part, Path)
                else part.get(partition, nothing).lazy()
                for part in self.parts
            ]
        )

    def moved_from(self, partition: date | None) -> pl.DataFrame:
        """The keys that were in a partition and are not any more."""
        return self.moved.filter(pl.col("_old_partition").eq_missing(pl.lit(partition, dtype=pl.Date)))


def replace_day(silver: Snapshot, day: date, won: Winners, fulls: FullExports) -> Replaced:
    """Put a day's new rows in place of its old ones; a day of more than DAY_BYTES is made in several files.

    These hold the keys by their hashes: each is made of what the day holds of its keys, old and new.
    """
    key, held = list(silver.table.key), silver.partition_files([day])
    may_be_long = len(won.parts) > 1 or (held.height and int(held["size_bytes"].sum()) > DAY_BYTES // COMPRESSION)
    size = text_bytes(silver.scan(partitions=[day])) + won.bytes_of(day) if may_be_long else 0
    files = -(-size // DAY_BYTES) or 1
    made = [
        _replace_keys(silver, day, won, fulls, pl.struct(key).hash() % files == number if files > 1 else EVERY_ROW)
        for number in range(files)
    ]
    absent = pl.concat([part.absent for part in made])
    if not any(part.changes for part in made):
        return Replaced(partition=day, absent=absent)
    return Replaced(
        partition=day,
        absent=absent,
        staged=[part.staged for part in made if part.staged is not None],
        removed=held["path"].to_list() if held.height else [],
        restated=any(part.restated for part in made),
    )


@dataclass(frozen=True, kw_only=True)
class _ReplacedKeys:
    """Some keys of a day made anew. When none of the day's keys changes, what was staged is left alone."""

    absent: pl.DataFrame
    staged: StagedFile | None = None
    changes: bool = False
    restated: bool = False


def _replace_keys(silver: Snapshot, day: date, won: Winners, fulls: FullExports, chosen: pl.Expr) -> _ReplacedKeys:
    table = silver.table
    key, is_part = list(table.key), chosen is not EVERY_ROW
    old, new = silver.scan(partitions=[day]).filter(chosen).collect(), won.rows_of(day, chosen)
    gone = won.moved_from(day).filter(chosen)
    kept = old.join(new, on=key, how="anti").join(gone, on=key, how="anti")
    absent = kept.clear()
    if fulls.applying:
        older = _as_counted(kept, fulls)
        missing = older.filter(older_than(fulls.applying) & ~bad_in(fulls.applying, table, fulls))
        absent = _absent_rows(missing, fulls.applying, table)
        kept = kept.join(absent, on=key, how="anti")
    changes = bool(new.height or gone.height or absent.height)
    if not changes and not is_part:
        return _ReplacedKeys(absent=absent)
    rows = pl.concat([kept, new]).sort(key)
    business, length = list(table.business_columns), row_group_rows(rows.height, text_bytes(rows.lazy()))
    return _ReplacedKeys(
        absent=absent,
        staged=silver.stage(rows.lazy(), partition=day, bounds=STATE[:1], row_group_rows=length)
        if rows.height
        else None,
        changes=changes,
        restated=not rows.select(business).equals(old.sort(key).select(business)),
    )


def replace_tombstones(silver: Snapshot, new: pl.DataFrame, won: Winners, fulls: FullExports) -> Replaced:
    """Put new tombstones beside the old ones; a full export being applied moves the older ones to its moment."""
    table = silver.table
    key, gone = list(table.key), won.moved_from(None).lazy()
    kept = silver.scan(partitions=[None]).join(new.lazy(), on=key, how="anti").join(gone, on=key, how="anti")
    if fulls.applying:
        full = fulls.applying
        marked = _as_counted(kept, fulls)
        older = older_than(full) & ~bad_in(full, table, fulls)
        names = polars_schema(table).names()
        kept = marked.with_columns(
            pl.when(older).then(pl.lit(full.decides_at)).otherwise("_sequence_micros").alias("_sequence_micros"),
            pl.when(older).then(pl.lit(full.id)).otherwise("_export_id").alias("_export_id"),
        ).select(names)
    staged = silver.stage(pl.concat([kept, new.lazy()]), partition=None, bounds=STATE[:1])
    return Replaced(
        partition=None,
        absent=new.clear(),
        staged=[staged] if staged.rows else [],
        removed=silver.partition_files([None])["path"].to_list(),
    )


def _absent_rows(missing: pl.DataFrame, full: Batch, table: Table) -> pl.DataFrame:
    at = missing.with_columns(
        pl.lit(full.decides_at, dtype=pl.Int64).alias("_sequence_micros"),
        pl.lit(full.id).alias("_export_id"),
    )
    return tombstones(at.lazy(), table).collect()


def _as_counted(held: Frame, fulls: FullExports) -> Frame:
    """Held rows with the sequence that counts, and whether an incremental export brought them."""
    is_incremental = (~pl.col("_export_id").is_in(fulls.ids)).alias("_is_incremental")
    return held.with_columns(counted_sequence(fulls.ends), is_incremental)

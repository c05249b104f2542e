"""State: one live row a key, from events in any order (rules K1 to K4, H3).

Belongs here: folding events into a table that keeps the present state of each key.
Does not: tables that keep history (lakehouse.history_store), or which exports are applied (lakehouse.refine).

The state of a key is its highest event, and a highest event can be kept up to date one batch at a time. Absences from
full exports are the one kind of event that no line tells. Those of a full export that is being applied are found by
what its days still hold that is older. Those of full exports that were applied earlier matter to records that arrive
late: where Silver holds nothing as new as such a full export, the export lacked the key, unless the key was bad in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.data_files import StagedFile
from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.lakehouse.raw_exports import RawExport
from medallion_assets.lakehouse.records import tombstones, winners
from medallion_assets.lakehouse.schema import polars_schema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATE = ("_sequence_micros", "_export_id")


@dataclass(slots=True, kw_only=True)
class Change:
    """Files to commit, and what they change. `restated` holds the days of rule H3, `rows` counts keys that changed."""

    staged: list[StagedFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restated: set[date] = field(default_factory=set)
    rows: int = 0


@dataclass(frozen=True, kw_only=True)
class FullExports:
    """The full exports that count. `applied` were applied before, `applying` is being applied now.

    `bad_keys` holds the keys whose record in one of them was bad: key columns and `_export_id`.
    """

    applied: Sequence[RawExport]
    applying: RawExport | None
    bad_keys: pl.DataFrame

    @property
    def ids(self) -> list[str]:
        """The ids of all of them."""
        exports = [*self.applied, self.applying] if self.applying else self.applied
        return [export.export_id for export in exports]


def micros(export: RawExport) -> int:
    """The sequence of a full export's items (rule R1)."""
    return (export.to_at - EPOCH) // timedelta(microseconds=1)


def fold(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullExports, workspace: Path) -> Change:
    """Fold good records into the table, day by day.

    `good` are parts of events (`records.event_schema`); a key is in one part only, unless there is but one part.
    """
    won = _win(silver, good, fulls, workspace)
    touched: set[date | None] = {*won.partitions, *won.moved["_old_partition"].unique()}
    if fulls.applying:
        touched |= set(silver.partitions)
    change = Change(rows=won.count)
    absent = [
        _replace_day(silver, day, won.rows_of(day), won.moved_from(day), fulls, change)
        for day in sorted(day for day in touched if day is not None)
    ]
    if None in touched or any(part.height for part in absent):
        deleted = pl.concat([won.rows_of(None), *absent])
        _replace_tombstones(silver, deleted, won.moved_from(None), fulls, change)
    return change


@dataclass(kw_only=True)
class _Won:
    """The rows that win over what the table holds, and the keys that change their partition."""

    partition_by: str
    rows: list[pl.LazyFrame] = field(default_factory=list)
    moved: pl.DataFrame
    partitions: set[date | None] = field(default_factory=set)
    count: int = 0

    def rows_of(self, partition: date | None) -> pl.DataFrame:
        """The new rows of a partition."""
        chosen = pl.col(self.partition_by).eq_missing(pl.lit(partition, dtype=pl.Date))
        return pl.concat([part.filter(chosen).collect() for part in self.rows])

    def moved_from(self, partition: date | None) -> pl.DataFrame:
        """The keys that were in a partition and are not any more."""
        return self.moved.filter(pl.col("_old_partition").eq_missing(pl.lit(partition, dtype=pl.Date)))


def _win(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullExports, workspace: Path) -> _Won:
    table = silver.table
    names = polars_schema(table).names()
    schema = {name: kind for name, kind in polars_schema(table).items() if name in table.key}
    won = _Won(partition_by=str(table.partition_by), moved=pl.DataFrame(schema={**schema, "_old_partition": pl.Date}))
    for number, part in enumerate(good):
        rows = _winning_part(silver, part if len(good) > 1 else winners(part, table.key), fulls)
        leaves = pl.col("_old_exists") & ~pl.col("_old_partition").eq_missing(pl.col(won.partition_by))
        won.moved.extend(rows.filter(leaves).select(won.moved.columns))
        won.partitions |= set(rows[won.partition_by].unique())
        won.count += rows.height
        won.rows.append(
            _kept(rows.select(names), won.partition_by, None if len(good) == 1 else workspace / f"won-{number}")
        )
    return won


def _kept(rows: pl.DataFrame, partition_by: str, spill: Path | None) -> pl.LazyFrame:
    """The rows, in memory or on disk; there in the order of their partition, so that one is read without the others."""
    if spill is None:
        return rows.lazy()
    path = spill.with_suffix(".parquet")
    rows.sort(partition_by).write_parquet(path, compression="lz4", row_group_size=20_000)
    return pl.scan_parquet(path, glob=False)


def _winning_part(silver: Snapshot, part: pl.LazyFrame, fulls: FullExports) -> pl.DataFrame:
    """The rows that events, one a key, bring into the table, with the partition their key sat in before."""
    table = silver.table
    key, partition = list(table.key), str(table.partition_by)
    best = part.collect()
    held = silver.scan().select(
        *key,
        *(pl.col(name).alias(f"_old{name}") for name in STATE),
        pl.col("is_deleted").alias("_old_is_deleted"),
        pl.col(partition).alias("_old_partition"),
    )
    found = held.join(best.lazy().select(key), on=key, how="semi").collect(engine="streaming")
    found = found.with_columns(
        (~pl.col("_old_export_id").is_in(fulls.ids)).alias("_old_is_incremental"),
        pl.lit(value=True).alias("_old_exists"),
    )
    won = best.join(found, on=key, how="left").filter(_wins_over_held())
    won = won.with_columns(pl.col("_old_exists").fill_null(value=False))
    late = _apply_late_absences(won, table, fulls)
    upserts = late.filter(~pl.col("_is_delete"))
    deletes = late.filter("_is_delete")
    old = [name for name in late.columns if name.startswith("_old_")]
    return pl.concat(
        [
            upserts.with_columns(pl.lit(value=False).alias("is_deleted")).select(*polars_schema(table).names(), *old),
            pl.concat([tombstones(deletes.lazy(), table).collect(), deletes.select(old)], how="horizontal"),
        ]
    )


def _apply_late_absences(won: pl.DataFrame, table: Table, fulls: FullExports) -> pl.DataFrame:
    """Turn events that an applied full export has already overruled into deletes at its time (rule K1)."""
    remaining, done = won, []
    newest_first = sorted(fulls.applied, key=lambda export: (-micros(export), export.export_id))
    for full in newest_first:
        if not remaining.filter(pl.col("_sequence_micros") <= micros(full)).height:
            break
        overruled = (pl.col("_sequence_micros") < micros(full)) & ~_bad_in(full, table, fulls)
        done.append(
            remaining.filter(overruled).with_columns(
                pl.lit(micros(full), dtype=pl.Int64).alias("_sequence_micros"),
                pl.lit(full.export_id).alias("_export_id"),
                pl.lit(value=False).alias("_is_incremental"),
                pl.lit(value=True).alias("_is_delete"),
            )
        )
        remaining = remaining.filter(~overruled)
    return pl.concat([*done, remaining])


def _older_than(full: RawExport) -> pl.Expr:
    """Rows over which an absence from this export wins: older ones, and absences from a later id at the same time."""
    tie = pl.col("is_deleted") & ~pl.col("_is_incremental") & (pl.lit(full.export_id) < pl.col("_export_id"))
    sequence = pl.col("_sequence_micros")
    return (sequence < micros(full)) | ((sequence == micros(full)) & tie)


def _wins_over_held() -> pl.Expr:
    """Whether a record wins over the row that the table holds for its key (columns `_old_*`; null: none)."""
    sequence, held = pl.col("_sequence_micros"), pl.col("_old_sequence_micros")
    held_is_absence = pl.col("_old_is_deleted") & ~pl.col("_old_is_incremental")
    same_kind = pl.col("_is_incremental") == pl.col("_old_is_incremental")
    tie = (
        held_is_absence
        | (pl.col("_is_incremental") & ~pl.col("_old_is_incremental"))
        | (same_kind & (pl.col("_export_id") < pl.col("_old_export_id")))
    )
    return held.is_null() | (sequence > held) | ((sequence == held) & tie)


def _bad_in(full: RawExport, table: Table, fulls: FullExports) -> pl.Expr:
    keys = fulls.bad_keys.filter(pl.col("_export_id") == full.export_id)
    if not keys.height:
        return pl.lit(value=False)
    return pl.struct(*table.key).is_in(keys.select(pl.struct(*table.key).alias("key"))["key"].implode())


def _replace_day(
    silver: Snapshot, day: date, new: pl.DataFrame, gone: pl.DataFrame, fulls: FullExports, change: Change
) -> pl.DataFrame:
    """Put a day's new rows in place of its old ones; give the tombstones of keys that a full export lacks."""
    table = silver.table
    key = list(table.key)
    old = silver.scan(partitions=[day]).collect()
    kept = old.join(new, on=key, how="anti").join(gone, on=key, how="anti")
    absent = kept.clear()
    if fulls.applying:
        older = kept.with_columns((~pl.col("_export_id").is_in(fulls.ids)).alias("_is_incremental"))
        missing = older.filter(_older_than(fulls.applying) & ~_bad_in(fulls.applying, table, fulls))
        absent = _absent_rows(missing, fulls.applying, table)
        kept = kept.join(absent, on=key, how="anti")
    change.rows += absent.height
    if not (new.height or gone.height or absent.height):
        return absent
    rows = pl.concat([kept, new]).sort(key)
    business = list(table.business_columns)
    if not rows.select(business).equals(old.sort(key).select(business)):
        change.restated.add(day)
    change.removed += silver.partition_files([day])["path"].to_list()
    if rows.height:
        change.staged.append(silver.stage(rows.lazy(), partition=day, bounds=STATE[:1]))
    return absent


def _replace_tombstones(
    silver: Snapshot, new: pl.DataFrame, gone: pl.DataFrame, fulls: FullExports, change: Change
) -> None:
    """Put new tombstones beside the old ones; a full export being applied moves the older ones to its time."""
    table = silver.table
    key = list(table.key)
    kept = silver.scan(partitions=[None]).join(new.lazy(), on=key, how="anti").join(gone.lazy(), on=key, how="anti")
    if fulls.applying:
        full = fulls.applying
        marked = kept.with_columns((~pl.col("_export_id").is_in(fulls.ids)).alias("_is_incremental"))
        older = _older_than(full) & ~_bad_in(full, table, fulls)
        names = polars_schema(table).names()
        kept = marked.with_columns(
            pl.when(older).then(pl.lit(micros(full))).otherwise("_sequence_micros").alias("_sequence_micros"),
            pl.when(older).then(pl.lit(full.export_id)).otherwise("_export_id").alias("_export_id"),
        ).select(names)
    change.removed += silver.partition_files([None])["path"].to_list()
    staged = silver.stage(pl.concat([kept, new.lazy()]), partition=None, bounds=STATE[:1])
    if staged.rows:
        change.staged.append(staged)


def _absent_rows(missing: pl.DataFrame, full: RawExport, table: Table) -> pl.DataFrame:
    at = missing.with_columns(
        pl.lit(micros(full), dtype=pl.Int64).alias("_sequence_micros"), pl.lit(full.export_id).alias("_export_id")
    )
    return tombstones(at.lazy(), table).collect()

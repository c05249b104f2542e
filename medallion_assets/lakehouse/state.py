"""State: one live row a key, from events in any order (rules K1 to K4, H3).

Belongs here: folding events into a table that keeps the present state of each key.
Does not: tables that keep history (lakehouse.history_store), or which exports are applied (lakehouse.refine).

The state of a key is its highest event, and a highest event can be kept up to date one batch at a time. Absences from
full exports are the one kind of event that no line tells. Those of a full export that is being applied are found by
what its days still hold that is older. Those of full exports that were applied earlier matter to records that arrive
late: where Silver holds nothing as new as such a full export, the export lacked the key, unless the key was bad in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import polars as pl

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.data_files import StagedFile
from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.lakehouse.full_exports import FullExports
from medallion_assets.lakehouse.origins import counted_sequence, is_outdated
from medallion_assets.lakehouse.raw_exports import RawExport
from medallion_assets.lakehouse.records import tombstones, winners
from medallion_assets.lakehouse.schema import polars_schema

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
STATE = ("_sequence_micros", "_export_id")


@dataclass(slots=True, kw_only=True)
class Change:
    """Files to commit, and what they change. `restated` holds the days of rule H3, `rows` counts keys that changed."""

    staged: list[StagedFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restated: set[date] = field(default_factory=set)
    rows: int = 0


def fold(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullExports, workspace: Path) -> Change:
    """Fold good records into the table, day by day.

    `good` are parts of events (`records.event_schema`); a key is in one part only, unless there is but one part.
    """
    if fulls.ends:
        good = [_without_outdated_records(part, silver.table, fulls) for part in good]
    won = _win(silver, good, fulls, workspace)
    touched: set[date | None] = {*won.partitions, *won.moved["_old_partition"].unique()}
    if fulls.applying:
        touched |= set(silver.partitions)
    days = sorted(day for day in touched if day is not None)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        replaced = list(threads.map(lambda day: _replace_day(silver, day, won, fulls), days))
    if None in touched or any(day.absent.height for day in replaced):
        absent = [day.absent for day in replaced]
        replaced.append(_replace_tombstones(silver, pl.concat([won.rows_of(None), *absent]), won, fulls))
    return Change(
        staged=[day.staged for day in replaced if day.staged is not None],
        removed=[path for day in replaced for path in day.removed],
        restated={day.partition for day in replaced if day.restated and day.partition is not None},
        rows=won.count + sum(day.absent.height for day in replaced if day.partition is not None),
    )


@dataclass(frozen=True, kw_only=True)
class _Replaced:
    """One partition made anew; `absent` holds tombstones of its keys that the full export being applied lacks."""

    partition: date | None
    absent: pl.DataFrame
    staged: StagedFile | None = None
    removed: Sequence[str] = ()
    restated: bool = False


@dataclass(kw_only=True)
class _Won:
    """The rows that win over what the table holds, by part, and the keys that change their partition.

    A part is in memory, cut into partitions, or (one of several) in a parquet file in the order of its partitions.
    """

    partition_by: str
    parts: list[Mapping[date | None, pl.DataFrame] | Path] = field(default_factory=list)
    schema: pl.Schema
    moved: pl.DataFrame
    partitions: set[date | None] = field(default_factory=set)
    count: int = 0

    def rows_of(self, partition: date | None) -> pl.DataFrame:
        """The new rows of a partition."""
        chosen = pl.col(self.partition_by).eq_missing(pl.lit(partition, dtype=pl.Date))
        nothing = pl.DataFrame(schema=self.schema)
        return pl.concat(
            [
                pl.scan_parquet(part, glob=False).filter(chosen).collect()
                if isinstance(part, Path)
                else part.get(partition, nothing)
                for part in self.parts
            ]
        )

    def moved_from(self, partition: date | None) -> pl.DataFrame:
        """The keys that were in a partition and are not any more."""
        return self.moved.filter(pl.col("_old_partition").eq_missing(pl.lit(partition, dtype=pl.Date)))


def _win(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullExports, workspace: Path) -> _Won:
    table, schema = silver.table, polars_schema(silver.table)
    partition_by = str(table.partition_by)
    moved_schema = pl.Schema({**{name: schema[name] for name in table.key}, "_old_partition": pl.Date()})
    won = _Won(partition_by=partition_by, schema=schema, moved=pl.DataFrame(schema=moved_schema))
    for number, part in enumerate(good):
        rows = _winning_part(silver, part if len(good) > 1 else winners(part, table.key), fulls)
        leaves = pl.col("_old_exists") & ~pl.col("_old_partition").eq_missing(pl.col(partition_by))
        won.moved.extend(rows.filter(leaves).select(won.moved.columns))
        won.partitions |= set(rows[partition_by].unique())
        won.count += rows.height
        rows = rows.select(schema.names())
        if len(good) == 1:
            won.parts.append({key[0]: one for key, one in rows.partition_by(partition_by, as_dict=True).items()})
        else:
            spill = workspace / f"won-{number}.parquet"
            rows.sort(partition_by).write_parquet(spill, compression="lz4", row_group_size=20_000)
            won.parts.append(spill)
    return won


def _winning_part(silver: Snapshot, part: pl.LazyFrame, fulls: FullExports) -> pl.DataFrame:
    """The rows that events, one a key, bring into the table, with the partition their key sat in before."""
    table = silver.table
    key, partition = list(table.key), str(table.partition_by)
    best = part.collect()
    held = (
        silver.scan()
        .with_columns(counted_sequence(fulls.ends))
        .select(
            *key,
            *(pl.col(name).alias(f"_old{name}") for name in STATE),
            pl.col("is_deleted").alias("_old_is_deleted"),
            pl.col(partition).alias("_old_partition"),
        )
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
    """Turn events that an applied full export has already overruled into deletes as of its moment (rule K1)."""
    remaining, done = won, []
    newest_first = sorted(fulls.applied, key=lambda export: (-export.decides_at_micros, export.export_id))
    for full in newest_first:
        if not remaining.filter(pl.col("_sequence_micros") <= full.decides_at_micros).height:
            break
        overruled = (pl.col("_sequence_micros") < full.decides_at_micros) & ~_bad_in(full, table, fulls)
        done.append(
            remaining.filter(overruled).with_columns(
                pl.lit(full.decides_at_micros, dtype=pl.Int64).alias("_sequence_micros"),
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
    return (sequence < full.decides_at_micros) | ((sequence == full.decides_at_micros) & tie)


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


def _replace_day(silver: Snapshot, day: date, won: _Won, fulls: FullExports) -> _Replaced:
    """Put a day's new rows in place of its old ones."""
    table = silver.table
    key = list(table.key)
    old, new, gone = silver.scan(partitions=[day]).collect(), won.rows_of(day), won.moved_from(day)
    kept = old.join(new, on=key, how="anti").join(gone, on=key, how="anti")
    absent = kept.clear()
    if fulls.applying:
        older = _as_counted(kept, fulls)
        missing = older.filter(_older_than(fulls.applying) & ~_bad_in(fulls.applying, table, fulls))
        absent = _absent_rows(missing, fulls.applying, table)
        kept = kept.join(absent, on=key, how="anti")
    if not (new.height or gone.height or absent.height):
        return _Replaced(partition=day, absent=absent)
    rows = pl.concat([kept, new]).sort(key)
    business = list(table.business_columns)
    return _Replaced(
        partition=day,
        absent=absent,
        staged=silver.stage(rows.lazy(), partition=day, bounds=STATE[:1]) if rows.height else None,
        removed=silver.partition_files([day])["path"].to_list(),
        restated=not rows.select(business).equals(old.sort(key).select(business)),
    )


def _replace_tombstones(silver: Snapshot, new: pl.DataFrame, won: _Won, fulls: FullExports) -> _Replaced:
    """Put new tombstones beside the old ones; a full export being applied moves the older ones to its moment."""
    table = silver.table
    key, gone = list(table.key), won.moved_from(None).lazy()
    kept = silver.scan(partitions=[None]).join(new.lazy(), on=key, how="anti").join(gone, on=key, how="anti")
    if fulls.applying:
        full = fulls.applying
        marked = _as_counted(kept, fulls)
        older = _older_than(full) & ~_bad_in(full, table, fulls)
        names = polars_schema(table).names()
        kept = marked.with_columns(
            pl.when(older).then(pl.lit(full.decides_at_micros)).otherwise("_sequence_micros").alias("_sequence_micros"),
            pl.when(older).then(pl.lit(full.export_id)).otherwise("_export_id").alias("_export_id"),
        ).select(names)
    staged = silver.stage(pl.concat([kept, new.lazy()]), partition=None, bounds=STATE[:1])
    return _Replaced(
        partition=None,
        absent=new.clear(),
        staged=staged if staged.rows else None,
        removed=silver.partition_files([None])["path"].to_list(),
    )


def _without_outdated_records(part: pl.LazyFrame, table: Table, fulls: FullExports) -> pl.LazyFrame:
    """Rule B3: what a former table wrote after its end counts as older than the full export that ended it.

    That one decides the key then; where the key is bad in it, such a record tells nothing.
    """
    undecided = [_bad_in(full, table, fulls) for full in fulls.applied if full.decides_at_micros in fulls.ends.values()]
    kept = part.filter(~(is_outdated(fulls.ends) & pl.any_horizontal(pl.lit(value=False), *undecided)))
    return kept.with_columns(counted_sequence(fulls.ends))


def _as_counted(held: Frame, fulls: FullExports) -> Frame:
    """Held rows with the sequence that counts, and whether an incremental export brought them."""
    is_incremental = (~pl.col("_export_id").is_in(fulls.ids)).alias("_is_incremental")
    return held.with_columns(counted_sequence(fulls.ends), is_incremental)


def _absent_rows(missing: pl.DataFrame, full: RawExport, table: Table) -> pl.DataFrame:
    at = missing.with_columns(
        pl.lit(full.decides_at_micros, dtype=pl.Int64).alias("_sequence_micros"),
        pl.lit(full.export_id).alias("_export_id"),
    )
    return tombstones(at.lazy(), table).collect()

"""State: one live row a key, from events in any order (rules K1 to K4, H3).

Belongs here: merging events into a table that keeps the present state of each key.
Does not: putting rows in place (refining.merge_days, refining.fill), tables that keep history
(refining.history_table), which exports are applied (refining.refine).

The state of a key is its highest event, and a highest event can be kept up to date one batch at a time. Absences from
full exports are the one kind of event that no line tells. Those of a full export that is being applied are found by
what its days still hold that is older. Those of full exports that were applied earlier matter to records that arrive
late: where Silver holds nothing as new as such a full export, the export lacked the key, unless the key was bad in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from medallion_assets.contracts.source import RecordOrder
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.extent import Extent, extents
from medallion_assets.refining.change import Change
from medallion_assets.refining.events import tombstones, winners_in_parts
from medallion_assets.refining.fill import fill
from medallion_assets.refining.full_exports import FullExports, bad_in, wins_by_id
from medallion_assets.refining.held import held_rows
from medallion_assets.refining.merge_days import (
    STATE,
    DaysWork,
    day_item,
    neighbours,
    replace_days,
    replace_tombstones,
)
from medallion_assets.refining.origins import counted_sequence, is_outdated
from medallion_assets.refining.winners import NewRows, Winners, WonRows


def merge(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullExports, workspace: Place) -> Change:
    """Merge good records into the table, day by day; a first full export by `fill`, where that is possible.

    `good` are parts of events (`events.event_schema`), each of which fits in memory.
    """
    if fulls.ends:
        good = [_without_outdated_records(part, silver.table, fulls) for part in good]
    if (filled := fill(silver, good, fulls, workspace)) is not None:
        return filled
    won = _win(silver, good, fulls, workspace)
    touched: set[date | None] = {*won.partitions, *won.moved["_old_partition"].unique()}
    if fulls.applying:
        touched |= set(silver.partitions)
    items = [day_item(silver, day, won) for day in sorted(day for day in touched if day is not None)]
    work = DaysWork(folder=silver.folder, new=won.new, fulls=fulls)
    engine = silver.lakehouse.engine
    together = neighbours(items, len(won.new.parts), engine.processes)
    replaced = [day for days in engine.map_items(partial(replace_days, work=work), together) for day in days]
    if None in touched or any(day.absent.height for day in replaced):
        absent = [day.absent for day in replaced]
        replaced.append(replace_tombstones(silver, pl.concat([won.of(None).collect(), *absent]), won, fulls))
    return Change(
        staged=[staged for day in replaced for staged in day.staged],
        removed=[path for day in replaced for path in day.removed],
        restated={day.partition for day in replaced if day.restated and day.partition is not None},
        rows=won.count + sum(day.absent.height for day in replaced if day.partition is not None),
    )


def _win(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullExports, workspace: Place) -> Winners:
    """The rows that win; of several parts of events one after the other, each into a file of its own."""
    engine, table = silver.lakehouse.engine, silver.table
    parts = winners_in_parts(engine, good, table.key, workspace, fulls.order)
    work = _Winning(
        held=held_rows(silver, parts, workspace),
        table=table,
        fulls=fulls,
        folder=engine.memory_or(workspace) if len(parts) == 1 else workspace,
    )
    won = list(engine.map_items(partial(_winning_rows, work=work), list(enumerate(parts)), are_large=True))
    return Winners(
        new=NewRows(
            partition_by=str(table.partition_by),
            parts=[part.rows for part in won],
            schema=polars_schema(table),
            place=workspace,
        ),
        extents=[part.extents for part in won],
        moved=pl.concat([part.moved for part in won]),
        count=sum(part.count for part in won),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Winning:
    """What all parts of events are handed: what their table `held` for each, of which many have the same.

    What wins is put into `folder`, or stays in memory.
    """

    held: Sequence[pl.LazyFrame]
    table: Table
    fulls: FullExports
    folder: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Won:
    """The rows of a part that win, how many there are by partition, and the keys that change theirs."""

    rows: WonRows
    extents: Mapping[date | None, Extent]
    moved: pl.DataFrame
    count: int


def _winning_rows(part: tuple[int, pl.LazyFrame], *, work: _Winning) -> _Won:
    """Of a part with its number: its events, one a key."""
    (number, events), table, partition_by = part, work.table, str(work.table.partition_by)
    rows = _winning_part(work.held[number], events, table, work.fulls)
    leaves = pl.col("_old_exists") & ~pl.col("_old_partition").eq_missing(pl.col(partition_by))
    moved = rows.filter(leaves).select(*table.key, "_old_partition")
    rows = rows.select(polars_schema(table).names())
    return _Won(
        rows={key[0]: day for key, day in rows.partition_by(partition_by, as_dict=True).items()}
        if work.folder is None
        else Aside(work.folder)(rows.sort(partition_by), is_sorted=True),
        extents=extents(rows.lazy(), by=partition_by),
        moved=moved,
        count=rows.height,
    )


def _winning_part(rows: pl.LazyFrame, part: pl.LazyFrame, table: Table, fulls: FullExports) -> pl.DataFrame:
    """The rows that events, one a key, bring into the table, with the partition their key sat in before."""
    key, partition = list(table.key), str(table.partition_by)
    best = part.collect()
    held = rows.with_columns(counted_sequence(fulls.ends)).select(
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
    won = best.join(found, on=key, how="left").filter(_wins_over_held(fulls.order))
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
    for full in fulls.latest_applied:
        if not remaining.filter(pl.col("_sequence_micros") <= full.decides_at).height:
            break
        overruled = (pl.col("_sequence_micros") < full.decides_at) & ~bad_in(full, table, fulls)
        done.append(
            remaining.filter(overruled).with_columns(
                pl.lit(full.decides_at, dtype=pl.Int64).alias("_sequence_micros"),
                pl.lit(full.id).alias("_export_id"),
                pl.lit(value=False).alias("_is_incremental"),
                pl.lit(value=True).alias("_is_delete"),
            )
        )
        remaining = remaining.filter(~overruled)
    return pl.concat([*done, remaining])


def _wins_over_held(order: RecordOrder) -> pl.Expr:
    """Whether a record wins over the row that the table holds for its key (columns `_old_*`; null: none)."""
    sequence, held = pl.col("_sequence_micros"), pl.col("_old_sequence_micros")
    held_is_absence = pl.col("_old_is_deleted") & ~pl.col("_old_is_incremental")
    same_kind = pl.col("_is_incremental") == pl.col("_old_is_incremental")
    tie = (
        held_is_absence
        | (pl.col("_is_incremental") & ~pl.col("_old_is_incremental"))
        | (same_kind & wins_by_id(order, pl.col("_export_id"), pl.col("_old_export_id")))
    )
    return held.is_null() | (sequence > held) | ((sequence == held) & tie)


def _without_outdated_records(part: pl.LazyFrame, table: Table, fulls: FullExports) -> pl.LazyFrame:
    """Rule B3: what a former table wrote after its end counts as older than the full export that ended it.

    That one decides the key then; where the key is bad in it, such a record tells nothing.
    """
    undecided = [bad_in(full, table, fulls) for full in fulls.applied if full.decides_at in fulls.ends.values()]
    kept = part.filter(~(is_outdated(fulls.ends) & pl.any_horizontal(pl.lit(value=False), *undecided)))
    return kept.with_columns(counted_sequence(fulls.ends))

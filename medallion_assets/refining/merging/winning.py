"""Winning: which events win over what a table holds of their keys, and their rows by day (rules K1 to K3, R3).

Belongs here: the rule, and comparing events with the rows of a whole table, one part of the events after the other.
Does not: what a table holds, comparing a full batch by day, or putting rows into the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from medallion_assets.contracts.columns import BATCH_ID, IS_DELETE, IS_DELETED, IS_INCREMENTAL, SEQUENCE
from medallion_assets.contracts.record_order import RecordOrder
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.extent import extents
from medallion_assets.refining.judging.events import tombstones, upserts, winners_in_parts
from medallion_assets.refining.ledger.full_batches import FullBatches, bad_in, wins_by_id
from medallion_assets.refining.ledger.origins import counted_sequence
from medallion_assets.refining.merging.held import held_rows
from medallion_assets.refining.merging.merge_days import STATE
from medallion_assets.refining.merging.winners import NewRows, PartWinners, Winners


def win(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullBatches, workspace: Place) -> Winners:
    """The rows that win; of several parts of events one after the other, each into a file of its own."""
    engine, table = silver.lakehouse.engine, silver.table
    parts = winners_in_parts(engine, good, table.key, workspace, fulls.order)
    work = _Work(
        held=held_rows(silver, parts, workspace),
        table=table,
        fulls=fulls,
        folder=engine.memory_or(workspace) if len(parts) == 1 else workspace,
    )
    won = list(engine.map_items(partial(_won_of_part, work=work), list(enumerate(parts)), are_large=True))
    new = NewRows(
        partition_by=str(table.partition_by),
        parts=[part.rows for part in won],
        schema=polars_schema(table),
        place=workspace,
    )
    return Winners.of_parts(new, won)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What all parts of events are handed: what their table `held` for each, of which many have the same.

    What wins is put into `folder`, or stays in memory.
    """

    held: Sequence[pl.LazyFrame]
    table: Table
    fulls: FullBatches
    folder: Place | None


def _won_of_part(part: tuple[int, pl.LazyFrame], *, work: _Work) -> PartWinners:
    """Of a part with its number: its events, one a key."""
    (number, rows), table = part, work.table
    events = rows.collect()
    held = held_state(work.held[number], table, work.fulls)
    found = held.join(events.lazy().select(table.key), on=list(table.key), how="semi").collect(engine="streaming")
    won = winning(events.join(found, on=list(table.key), how="left"), table, work.fulls)
    partition_by = str(table.partition_by)
    new = pl.concat([upserts(won.lazy(), table).collect(), tombstones_of(won, table)])
    return PartWinners(
        rows={key[0]: day for key, day in new.partition_by(partition_by, as_dict=True).items()}
        if work.folder is None
        else Aside(work.folder)(new.sort(partition_by), is_sorted=True),
        extents=extents(new.lazy(), by=partition_by),
        moved=moved(won, table),
        count=new.height,
    )


def held_state(rows: pl.LazyFrame, table: Table, fulls: FullBatches) -> pl.LazyFrame:
    """Rows that a table holds, as `winning` asks for them: the key, and in columns `_old_*` state and partition."""
    return rows.with_columns(counted_sequence(fulls.ends)).select(
        *table.key,
        *(pl.col(name).alias(f"_old{name}") for name in STATE),
        pl.col(IS_DELETED).alias("_old_is_deleted"),
        pl.col(str(table.partition_by)).alias("_old_partition"),
        (~pl.col(BATCH_ID).is_in(fulls.ids)).alias("_old_is_incremental"),
        pl.lit(value=True).alias("_old_exists"),
    )


def winning(events: pl.DataFrame, table: Table, fulls: FullBatches) -> pl.DataFrame:
    """The events that change a table: one a key, beside what it holds of theirs (`held_state`; null: nothing).

    One that a full batch has overruled is a delete as of that one. A delete has no partition, as its tombstone.
    """
    won = events.filter(_wins_over_held(fulls.order)).with_columns(pl.col("_old_exists").fill_null(value=False))
    won, partition_by = _with_late_absences(won, table, fulls), str(table.partition_by)
    return won.with_columns(pl.when(~pl.col(IS_DELETE)).then(partition_by).alias(partition_by))


def tombstones_of(events: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The rows of those that are deletes."""
    return tombstones(events.lazy().filter(IS_DELETE), table).collect()


def moved(won: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The keys that leave a partition, with that partition."""
    leaves = pl.col("_old_exists") & ~pl.col("_old_partition").eq_missing(pl.col(str(table.partition_by)))
    return won.filter(leaves).select(*table.key, "_old_partition")


def _with_late_absences(won: pl.DataFrame, table: Table, fulls: FullBatches) -> pl.DataFrame:
    """Turn events that an applied full batch has already overruled into deletes as of its moment (rule K1)."""
    remaining, done = won, []
    for full in fulls.latest_applied:
        if not remaining.filter(pl.col(SEQUENCE) <= full.decides_at).height:
            break
        overruled = (pl.col(SEQUENCE) < full.decides_at) & ~bad_in(full, table, fulls)
        done.append(
            remaining.filter(overruled).with_columns(
                pl.lit(full.decides_at, dtype=pl.Int64).alias(SEQUENCE),
                pl.lit(full.id).alias(BATCH_ID),
                pl.lit(value=False).alias(IS_INCREMENTAL),
                pl.lit(value=True).alias(IS_DELETE),
            )
        )
        remaining = remaining.filter(~overruled)
    return pl.concat([*done, remaining])


def _wins_over_held(order: RecordOrder) -> pl.Expr:
    """Whether a record wins over the row that the table holds for its key (columns `_old_*`; null: none)."""
    sequence, held = pl.col(SEQUENCE), pl.col("_old_sequence_micros")
    held_is_absence = pl.col("_old_is_deleted") & ~pl.col("_old_is_incremental")
    same_kind = pl.col(IS_INCREMENTAL) == pl.col("_old_is_incremental")
    tie = (
        held_is_absence
        | (pl.col(IS_INCREMENTAL) & ~pl.col("_old_is_incremental"))
        | (same_kind & wins_by_id(order, pl.col(BATCH_ID), pl.col("_old_export_id")))
    )
    return held.is_null() | (sequence > held) | ((sequence == held) & tie)

"""Judged records: the frame between decoding and the tables, and the order in which records win (rules R1 to R4).

Belongs here: the names of its columns, the total order, frames of (batch, file, line), and the rows of a batch.
Does not: making the frame, or applying it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import polars as pl

from medallion_assets.contracts.columns import (
    BATCH_ID,
    HIGHEST_BATCH_ID,
    IS_DELETE,
    IS_DELETED,
    IS_INCREMENTAL,
    LINE_NUMBER,
    LOWEST_BATCH_ID,
    SEQUENCE,
    SOURCE_FILE,
)
from medallion_assets.contracts.record_order import RecordOrder
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema, polars_type
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Engine, PutAside

POSITION = (BATCH_ID, SOURCE_FILE, LINE_NUMBER)
"""What identifies a line for ever."""


def wins_descending(order: RecordOrder) -> dict[str, bool]:
    """Rule R3: highest sequence, changes before full, lowest batch id, or by F5 the greatest.

    A batch has one good record of a key and sequence. An absence from a full batch is no record: at an equal sequence
    every record wins over it, and of two the same id as of records.
    """
    return {SEQUENCE: True, IS_INCREMENTAL: True, BATCH_ID: order.latest_batch_wins}


def event_schema(table: Table) -> pl.Schema:
    """The columns of a good record on its way into a table: an upsert, a delete, or an absence from a full batch."""
    return pl.Schema(
        {
            **{column.name: polars_type(column.type) for column in table.decoded_columns},
            SEQUENCE: pl.Int64(),
            IS_DELETE: pl.Boolean(),
            IS_INCREMENTAL: pl.Boolean(),
            BATCH_ID: pl.String(),
            **({} if table.key else {LINE_NUMBER: pl.Int64()}),
        }
    )


def winners(events: pl.LazyFrame, key: Sequence[str], order: RecordOrder) -> pl.LazyFrame:
    """One event a key: the one that wins by the total order."""
    descending = wins_descending(order)
    ordered = events.sort(list(descending), descending=list(descending.values()))
    return ordered.unique(list(key), keep="first", maintain_order=True)


def winners_in_parts(
    engine: Engine, parts: Sequence[pl.LazyFrame], key: Sequence[str], folder: Place, order: RecordOrder
) -> Sequence[pl.LazyFrame]:
    """As many parts of events as before, with one event a key altogether: the one that wins.

    A batch has one event a key, so parts of a single batch stay as they are. Others are put aside in `folder`.
    """
    if len(parts) == 1:
        return [winners(parts[0], key, order)]
    batches = pl.concat([part.select(BATCH_ID) for part in parts]).unique().collect(engine="streaming")
    if batches.height <= 1 and not order.several_states:
        return parts
    win = partial(_winners_of_group, key=key, order=order)
    return list(engine.map_groups(win, [parts], by=key, groups=len(parts), folder=folder))


def _winners_of_group(
    events: list[pl.DataFrame], aside: PutAside, *, key: Sequence[str], order: RecordOrder
) -> pl.LazyFrame:
    (frame,) = events
    return aside(winners(frame.lazy(), key, order).collect())


def files_of_batches(
    snapshot: Snapshot, batch_ids: Collection[str], *, paths: Collection[str] | None = None
) -> tuple[list[str], pl.LazyFrame]:
    """The files of a table that hold rows of some batches, and what they hold of other batches; of `paths` alone."""
    wanted, files = list(batch_ids), snapshot.files
    if paths is not None and files.height:
        files = files.filter(pl.col("path").is_in(list(paths)))
    if not wanted or not files.height:
        return [], snapshot.scan(paths=[])
    files = may_hold(files, wanted)
    of_these = pl.col(BATCH_ID).is_in(wanted)
    held = [path for path in files["path"] if snapshot.scan(paths=[path]).filter(of_these).head(1).collect().height]
    return held, snapshot.scan(paths=held).filter(~of_these)


def may_hold(files: pl.DataFrame, batch_ids: Collection[str]) -> pl.DataFrame:
    """Those of `Snapshot.files` that may hold rows of some batches, by their bounds in the log, if these are there."""
    if not batch_ids or LOWEST_BATCH_ID not in files.columns:
        return files
    ids, low, high = pl.Series(sorted(batch_ids)), files[LOWEST_BATCH_ID], files[HIGHEST_BATCH_ID]
    has_any = ids.search_sorted(high, side="right") > ids.search_sorted(low, side="left")
    return files.filter(has_any | low.is_null() | high.is_null())


def has_deletes(events: pl.LazyFrame) -> bool:
    """Whether one of them is a delete."""
    return bool(events.select(pl.col(IS_DELETE).any()).collect(engine="streaming").item())


def upserts(events: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """Rows of the table for events that are no deletes."""
    live = events.filter(~pl.col(IS_DELETE)).with_columns(pl.lit(value=False).alias(IS_DELETED))
    return live.select(polars_schema(table).names())


def tombstones(events: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """Rows of the table for deleted keys: key, sequence, batch and `is_deleted`; everything else null (rule K3)."""
    kept = {*table.key, SEQUENCE, BATCH_ID}
    return events.select(
        pl.col(name)
        if name in kept
        else (pl.lit(value=True) if name == IS_DELETED else pl.lit(None, dtype=kind)).alias(name)
        for name, kind in polars_schema(table).items()
    )

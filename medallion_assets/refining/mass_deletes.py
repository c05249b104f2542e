"""Mass deletes: how many live rows the batches of a group delete, before anything of it is applied (rule C7).

Belongs here: counting, in bounded memory.
Does not: how many are too many, or deleting.

Nobody keeps the set of all keys. Live rows are compared with the keys of a full batch in parts by the hash of the key,
so many that one part of both fits into memory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, IS_CURRENT, IS_DELETED, SEQUENCE
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.engine import PutAside, groups_of
from medallion_assets.refining.judging.gate import Counts, Gate
from medallion_assets.refining.judging.judging import Judged
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.ledger.origins import counted_sequence, is_outdated, without_outdated
from medallion_assets.refining.merging.history_table import events_table


def with_deletes(
    silver: Snapshot, ledger: Ledger, group: Sequence[Batch], judged: Judged, gate: Gate
) -> Mapping[str, Counts]:
    """The counts of a group, with what its batches delete and of how many live rows.

    A full batch is alone in its group. Of incremental batches live rows are counted only where there are so many
    deletes that somebody may want to know.
    """
    counts = dict(judged.counts)
    for batch in group:
        counted = counts[batch.id]
        if batch.is_full:
            ends = ledger.ends_with(batch)
            if not without_outdated([batch], ends):
                continue  # it counts as never delivered (rule B3), so it deletes nothing
            older = _older_rows(silver, ledger.ignored, batch, ends)
            live, absent = _count_absent(silver, older, judged, batch)
            counts[batch.id] = replace(counted, absent=absent, live=live)
        elif counted.deletes and counted.deletes >= gate.policy.max_delete_min_rows:
            counts[batch.id] = replace(counted, live=_height(_live_rows(silver)))
    return counts


def _live_rows(silver: Snapshot) -> list[pl.LazyFrame]:
    is_live = pl.col(IS_CURRENT) if silver.table.history else ~pl.col(IS_DELETED)
    return [part.scan().filter(is_live) for part in silver.part().parts(silver.lakehouse.engine.bounds.keys)]


def _older_rows(silver: Snapshot, ignored: Collection[str], full: Batch, ends: Mapping[str, int]) -> list[pl.LazyFrame]:
    """The keys of live rows that a full batch decides, in parts (rule K1).

    Nothing that counts is known of them from its S on. `ends` are those of once it is applied: the first one of a new
    table ends the former one (rule B3).
    """
    table, lakehouse, key = silver.table, silver.lakehouse, list(silver.table.key)
    live = _live_rows(silver)
    if not table.history:
        return [part.filter(counted_sequence(ends) < full.decides_at).select(key) for part in live]
    # A version merges equal states: only the events say when one of them was told last.
    events = events_table(table)
    if not lakehouse.exists(events):
        return [part.select(key) for part in live]
    counts = ~pl.col(BATCH_ID).is_in(list(ignored)) & ~is_outdated(ends)
    later = lakehouse.open(events).scan().filter(counts & (pl.col(SEQUENCE) >= full.decides_at))
    return [part.select(key).join(later.select(key), on=key, how="anti") for part in live]


def _count_absent(silver: Snapshot, older: list[pl.LazyFrame], judged: Judged, batch: Batch) -> tuple[int, int]:
    """How many rows there are, and how many of them have a key that no record of the batch has, good or bad."""
    key, live = list(silver.table.key), _height(older)
    if not live:
        return 0, 0
    present = [part.select(key).drop_nulls() for part in (*judged.good, *judged.bad)]
    engine = silver.lakehouse.engine
    groups = groups_of((max(live, batch.records), engine.bounds.keys))
    return live, sum(engine.map_groups(partial(_missing, key=key), [older, present], by=key, groups=groups))


def _missing(keys: list[pl.DataFrame], _: PutAside, *, key: Sequence[str]) -> int:
    held, present = keys
    return held.join(present, on=key, how="anti").height


def _height(parts: Sequence[pl.LazyFrame]) -> int:
    return int(pl.concat(parts).select(pl.len()).collect(engine="streaming").item())

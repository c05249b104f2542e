"""State: one live row a key, from events in any order (rules K1 to K4, H3).

Belongs here: merging events into a table that keeps the present state of each key.
Does not: putting rows in place, tables that keep history, which batches are applied.

The state of a key is its highest event, and a highest event can be kept up to date one batch at a time. Absences from
full batches are the one kind of event that no line tells. Those of a full batch that is being applied are found by
what its days still hold that is older. Those of full batches that were applied earlier matter to records that arrive
late: where Silver holds nothing as new as such a full batch, the batch lacked the key, unless the key was bad in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.refining.ledger.full_batches import FullBatches, bad_in
from medallion_assets.refining.ledger.origins import counted_sequence, is_outdated
from medallion_assets.refining.merging.change import Change
from medallion_assets.refining.merging.fill import fill
from medallion_assets.refining.merging.merge_days import (
    DaysWork,
    day_item,
    neighbours,
    replace_days,
    replace_tombstones,
)
from medallion_assets.refining.merging.winning import win
from medallion_assets.refining.merging.winning_by_day import win_by_day


def merge(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullBatches, workspace: Place) -> Change:
    """Merge good records into the table, day by day; a first full batch by `fill`, where that is possible.

    `good` are parts of events (`events.event_schema`), each of which fits in memory.
    """
    if fulls.ends:
        good = [_without_outdated_records(part, silver.table, fulls) for part in good]
    if (filled := fill(silver, good, fulls, workspace)) is not None:
        return filled
    won = win_by_day(silver, good, fulls, workspace) or win(silver, good, fulls, workspace)
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
        written=[written for day in replaced for written in day.written],
        removed=[path for day in replaced for path in day.removed],
        restated={day.partition for day in replaced if day.restated and day.partition is not None},
        rows=won.count + sum(day.absent.height for day in replaced if day.partition is not None),
    )


def _without_outdated_records(part: pl.LazyFrame, table: Table, fulls: FullBatches) -> pl.LazyFrame:
    """Rule B3: what a former table wrote after its end counts as older than the full batch that ended it.

    That one decides the key then; where the key is bad in it, such a record tells nothing.
    """
    undecided = [bad_in(full, table, fulls) for full in fulls.applied if full.decides_at in fulls.ends.values()]
    kept = part.filter(~(is_outdated(fulls.ends) & pl.any_horizontal(pl.lit(value=False), *undecided)))
    return kept.with_columns(counted_sequence(fulls.ends))

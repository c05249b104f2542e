"""By day: a full batch, compared with what a table holds of the same day (rules K1, R3).

Belongs here: finding what wins where nearly every key is in the day in which it was.
Does not: the rule, or putting rows into the table.

A full batch tells of every key that there is, so looking for its keys in the whole table is to join two tables. But
most keys stay in their day, and the keys of a day are few. Only those that are new in a day are looked for among those
that another day, or the tombstones, had and the batch does not have there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from medallion_assets.contracts.columns import IS_DELETE, IS_INCREMENTAL
from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.partitioned_files import LocalFile, by_partition, write_partitions
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import TRAVELLING_BYTES, Aside, Place, expect_all_written
from medallion_assets.engines.engine import PutAside, groups_of
from medallion_assets.engines.extent import Extent, extents, total
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import of_group, row_count
from medallion_assets.refining.judging.events import has_deletes, upserts
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.merging.merge_days import STATE
from medallion_assets.refining.merging.one_pass import held_of_each
from medallion_assets.refining.merging.winners import NewRows, PartWinners, Winners
from medallion_assets.refining.merging.winning import held_state, moved, tombstones_of, winning

Day = date | None


def win_by_day(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullBatches, workspace: Place) -> Winners | None:
    """The rows of the full batch being applied that win, each day in files of `workspace`.

    None where events are no such batch's, or fit into memory, where the rows of all days cannot be written at a time,
    and on an engine whose processes do this together.

    Raises:
        PermanentError: other rows were written than were counted.
    """
    engine, table = silver.lakehouse.engine, silver.table
    if fulls.applying is None or fulls.order.several_states or len(good) == 1:
        return None
    records = pl.concat(good)
    if engine.memory_or(workspace) is not None or has_deletes(records):
        return None
    rows, partition_by = upserts(records, table), str(table.partition_by)
    days = extents(rows, by=partition_by)
    height = held_of_each(days, engine.bounds)
    if height is None:
        return None
    files = write_partitions(rows, table, workspace.url, row_group_rows=height, most_bytes=engine.bounds.group_bytes)
    apart = by_partition(files, table)
    expect_all_written(days, {day: row_count(some) for day, some in apart.items()}, where=workspace.url)
    work = _Work(table=table, fulls=fulls, place=workspace)
    items = [item for day in {*apart, *silver.partitions} for item in _items(silver, day, apart, days)]
    compared = list(engine.map_items(partial(_compare, work=work), items))
    heights = [sum(day.strangers_height for day in compared), sum(day.left_height for day in compared)]
    frames = [[day.strangers for day in compared], [day.left for day in compared]]
    found = engine.map_groups(
        partial(_look_up, work=work),
        frames,
        by=list(table.key),
        groups=groups_of((max(heights), engine.bounds.keys)),
        folder=workspace,
    )
    return _winners([*(day.decided for day in compared), *found], apart, files, days, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What all days are compared with."""

    table: Table
    fulls: FullBatches
    place: Place

    @property
    def put(self) -> Aside:
        return Aside(self.place, memory_bytes=TRAVELLING_BYTES)

    def decided(self, events: pl.DataFrame, put: PutAside) -> _Decided:
        """What `winning` says of events beside what the table holds."""
        won, key, by = winning(events, self.table, self.fulls), list(self.table.key), str(self.table.partition_by)
        stays = won.filter(~pl.col(IS_DELETE))
        loses = events.select(*key, by)
        if stays.height:
            loses = loses.join(stays.select(key), on=key, how="anti") if stays.height < loses.height else loses.clear()
        return _Decided(
            loses=put(loses),
            losers=Counter(dict(loses.group_by(by).len().iter_rows())),
            deleted=tombstones_of(won, self.table),
            moved=moved(won, self.table),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """The rows of a day in the batch, and what the table holds of it: some keys of both, where it is long."""

    new: pl.LazyFrame
    held: ParquetFiles
    chosen: pl.Expr


def _items(
    silver: Snapshot, day: Day, apart: Mapping[Day, pl.LazyFrame], days: Mapping[Day, Extent]
) -> Iterator[_Item]:
    files, most = silver.partition_files([day]), silver.lakehouse.engine.bounds.days_rows
    held = silver.part(paths=files["path"])
    new = apart[day] if day in apart else pl.LazyFrame(schema=polars_schema(silver.table))
    rows = days[day].rows if day in apart else 0
    rows += int(files["num_records"].sum())
    groups = groups_of((rows, most))
    for number in range(groups):
        yield _Item(new=new, held=held, chosen=of_group(silver.table.key, number, groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """Of some events: the keys with their day whose events are no rows, tombstones, and keys that leave their day."""

    loses: pl.LazyFrame
    losers: Counter[Day]
    deleted: pl.DataFrame
    moved: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """Of a day: what is decided of its keys, those `strangers` that are new in it, and those `left` it had alone."""

    decided: _Decided
    strangers: pl.LazyFrame
    strangers_height: int
    left: pl.LazyFrame
    left_height: int


def _compare(item: _Item, *, work: _Work) -> _Compared:
    """The keys that the batch and the table have in the day; the others are put aside."""
    key, partition_by = list(work.table.key), str(work.table.partition_by)
    held = held_state(item.held.scan().filter(item.chosen), work.table, work.fulls).collect()
    events = item.new.filter(item.chosen).select(*key, *STATE, partition_by).collect()
    events = events.with_columns(pl.lit(value=False).alias(IS_DELETE), pl.lit(value=False).alias(IS_INCREMENTAL))
    both = events.join(held, on=key, how="left")
    is_there = pl.col("_old_exists").fill_null(value=False)
    strangers = both.filter(~is_there).select(events.columns)
    left = held if strangers.height == events.height else held.join(events.select(key), on=key, how="anti")
    put = work.put
    return _Compared(
        decided=work.decided(both.filter(is_there), put),
        strangers=put(strangers),
        strangers_height=strangers.height,
        left=put(left),
        left_height=left.height,
    )


def _look_up(frames: list[pl.DataFrame], put: PutAside, *, work: _Work) -> _Decided:
    """Keys that are new in their day, among those that another had."""
    left, strangers = frames.pop(), frames.pop()
    return work.decided(strangers.join(left, on=list(work.table.key), how="left"), put)


def _winners(
    decided: Iterable[_Decided],
    apart: Mapping[Day, pl.LazyFrame],
    files: Sequence[LocalFile],
    days: Mapping[Day, Extent],
    work: _Work,
) -> Winners:
    """The rows of each day, less those that lose, and the tombstones."""
    every = list(decided)
    by, key = str(work.table.partition_by), list(work.table.key)
    losers = sum((some.losers for some in every), Counter[Day]())
    rows = {day: some for day, some in apart.items() if days[day].rows > losers[day]}
    held = {day: days[day].of(days[day].rows - losers[day]) for day in rows}
    for day in rows.keys() & losers.keys():
        of_day = pl.col(by).eq_missing(pl.lit(day, dtype=pl.Date))
        loses = pl.concat([some.loses for some in every if some.losers[day]]).filter(of_day)
        rows[day] = rows[day].join(loses, on=key, how="anti")
    deleted = pl.concat([some.deleted for some in every])
    for (day,), some in deleted.partition_by(by, as_dict=True).items():
        more = Extent(some.height, int(some.estimated_size()))
        held[day] = total([more, held[day]]) if day in held else more
        rows[day] = pl.concat([some.lazy(), rows[day]]) if day in rows else some.lazy()
    won = PartWinners(
        rows=rows,
        extents=held,
        moved=pl.concat([some.moved for some in every]),
        count=total(held.values()).rows,
    )
    whole: dict[Day, list[LocalFile]] = {}
    for file in files:
        if rows.get(file.partition) is apart[file.partition]:
            whole.setdefault(file.partition, []).append(file)
    new = NewRows(partition_by=by, parts=[rows], schema=polars_schema(work.table), place=work.place, files=whole)
    return Winners.of_parts(new, [won])

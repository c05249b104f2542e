"""Days of a state table: new rows in the place of old ones, in files that are made in bounded memory.

Belongs here: replacing a day or the tombstones.
Does not: which rows win, or where they are until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, IS_INCREMENTAL, SEQUENCE
from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.engine import groups_of
from medallion_assets.engines.extent import Extent
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import of_group, row_count, row_group_rows, text_bytes
from medallion_assets.refining.judging.events import tombstones
from medallion_assets.refining.ledger.full_batches import FullBatches, bad_in, older_than
from medallion_assets.refining.ledger.origins import counted_sequence
from medallion_assets.refining.merging.winners import NewRows, Winners

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
STATE = (SEQUENCE, BATCH_ID)
COMPRESSION = 16
"""A day's files may hold so many times the bytes that they have; where they may hold too much, it is counted."""

DAYS_TOGETHER = 16
"""So many files are written at a time, each of which holds a row group in memory."""
GROUPS_A_PROCESS = 4


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """One partition made anew; `absent` holds tombstones of its keys that the full batch being applied lacks."""

    partition: date | None
    absent: pl.DataFrame
    written: Sequence[WrittenFile] = ()
    removed: Sequence[str] = ()
    restated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysWork:
    """What all days of a table are made with: handed over once, since plans, bad keys and a contract are not small."""

    folder: TableFolder
    new: NewRows
    fulls: FullBatches


@dataclass(frozen=True, slots=True, kw_only=True)
class DayItem:
    """A day to make anew: what the table holds of it, and the keys that have `gone` to other days.

    Its new rows are `in_parts` (`NewRows.of`), and so many (`extent`). `most_bytes` is how much of its text is made in
    one file; None where its new rows and what the table holds are surely less than that.
    """

    day: date
    held: ParquetFiles
    in_parts: int
    extent: Extent
    gone: pl.DataFrame
    most_bytes: int | None


def day_item(silver: Snapshot, day: date, won: Winners) -> DayItem:
    """What `replace_days` needs to know."""
    held, most = silver.partition_files([day]), silver.lakehouse.engine.bounds.group_bytes
    held_bytes, extent = int(held["size_bytes"].sum()) if held.height else 0, won.extent(day)
    return DayItem(
        day=day,
        held=silver.part(paths=held["path"] if held.height else ()),
        in_parts=won.in_parts(day),
        extent=extent,
        gone=won.moved_from(day),
        most_bytes=most if extent.size + COMPRESSION * held_bytes > most else None,
    )


def neighbours(days: Sequence[DayItem], parts: int, processes: int) -> list[Sequence[DayItem]]:
    """Days in groups whose new rows are put together; of one part there is nothing to."""
    height = days_together(len(days), processes) if parts > 1 else 1
    return [days[start : start + height] for start in range(0, len(days), height)]


def days_together(days: int, processes: int) -> int:
    """How many of so many days are put together, so that no process has too little to do."""
    return max(1, min(DAYS_TOGETHER, days // (GROUPS_A_PROCESS * processes)))


def replace_days(days: Sequence[DayItem], *, work: DaysWork) -> list[Replaced]:
    """Put the new rows of some neighbouring days in place of their old ones."""
    rows = work.new.by_day({item.day: item.in_parts for item in days}, {item.day: item.extent for item in days})
    return [_replace_day(item, rows[item.day], work) for item in days]


def _replace_day(item: DayItem, rows: pl.LazyFrame, work: DaysWork) -> Replaced:
    """Put a day's new rows in place of its old ones; a long day is made in several files.

    These hold the keys by their hashes: each is made of what the day holds of its keys, old and new. Nothing is written
    before something changes: what comes before is as the table has it, and is written from there.
    """
    key, files = work.folder.table.key, 1
    if item.most_bytes is not None:
        files = groups_of((text_bytes(item.held.scan()) + text_bytes(rows), item.most_bytes))
    some = [of_group(key, number, files) for number in range(files)]
    made: list[_ReplacedKeys] = []
    changes = False
    for number, chosen in enumerate(some):
        made.append(_replace_keys(work, item, rows, chosen, writes=changes))
        if made[-1].changes and not changes:
            changes = True
            made[:number] = [_replace_keys(work, item, rows, before, writes=True) for before in some[:number]]
    absent = pl.concat([part.absent for part in made])
    if not changes:
        return Replaced(partition=item.day, absent=absent)
    return Replaced(
        partition=item.day,
        absent=absent,
        written=[file for part in made for file in part.written],
        removed=item.held.paths,
        restated=any(part.restated for part in made),
    )


@dataclass(frozen=True, kw_only=True)
class _ReplacedKeys:
    """Some keys of a day made anew."""

    absent: pl.DataFrame
    written: Sequence[WrittenFile] = ()
    changes: bool = False
    restated: bool = False


def _replace_keys(work: DaysWork, item: DayItem, rows: pl.LazyFrame, chosen: pl.Expr, *, writes: bool) -> _ReplacedKeys:
    """Some keys: written where they change, and with `writes` where they do not."""
    table, fulls = work.folder.table, work.fulls
    key = list(table.key)
    old, new = item.held.scan().filter(chosen).collect(), rows.filter(chosen).collect()
    gone = item.gone.filter(chosen)
    among_old = _found(old, pl.concat([new.select(key), gone.select(key)]), key)
    kept, before = _unmatched(old, among_old), among_old.head(new.height)
    absent = kept.clear()
    if fulls.applying:
        older = _as_counted(kept, fulls)
        missing = older.filter(older_than(fulls.applying, fulls.order) & ~bad_in(fulls.applying, table, fulls))
        absent = _absent_rows(missing, fulls.applying, table)
        kept = _without(kept, absent.select(key))
    changes = bool(new.height or gone.height or absent.height)
    if not changes and not writes:
        return _ReplacedKeys(absent=absent)
    return _ReplacedKeys(
        absent=absent,
        written=_written(work, item.day, kept, new),
        changes=changes,
        restated=bool(gone.height or absent.height) or _says_more(new, old, before, table),
    )


def _written(work: DaysWork, day: date, kept: pl.DataFrame, new: pl.DataFrame) -> list[WrittenFile]:
    """Rows that stay and new ones in one file; new ones alone as they lie, where these are all that the day has."""
    files = [] if kept.height else work.new.files.get(day, [])
    if sum(row_count(pl.scan_parquet(file.path)) for file in files) == new.height > 0:
        return [work.folder.write_file(file.path, partition=day, bounds=STATE[:1]) for file in files]
    made = pl.concat([kept, new])
    if not made.height:
        return []
    length = row_group_rows(made.height, text_bytes(made.lazy()))
    return [work.folder.write(made.lazy(), partition=day, bounds=STATE[:1], row_group_rows=length)]


def _found(old: pl.DataFrame, wanted: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    """For each wanted row, where among the old ones its key is; null where they lack it. A key has one row in each."""
    places, asked = old.select(key).with_row_index("_row"), wanted.select(key).with_row_index("_wanted")
    pairs = places.join(asked, on=key, how="inner")  # the shorter one is looked up in: mostly few of many change
    nowhere = pl.repeat(None, wanted.height, dtype=pairs.schema["_row"], eager=True)
    return nowhere.scatter(pairs["_wanted"], pairs["_row"])


def _unmatched(rows: pl.DataFrame, found: pl.Series) -> pl.DataFrame:
    """The rows that were not found. Most stay or none, so they are filtered: a join would fetch them one by one."""
    return rows.filter(pl.repeat(value=True, n=rows.height, eager=True).scatter(found.drop_nulls(), values=False))


def _without(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """The rows of other keys."""
    return _unmatched(rows, _found(rows, keys, keys.columns)) if keys.height else rows


def _says_more(new: pl.DataFrame, old: pl.DataFrame, before: pl.Series, table: Table) -> bool:
    """Whether new rows have keys that the old ones lack, or another value in a business column (rule H3).

    `before` is where among the old rows each of the new ones is (`_found`).
    """
    others = (name for name in table.business_columns if name not in table.key)
    return bool(before.null_count()) or any(new[name].ne_missing(old[name].gather(before)).any() for name in others)


def replace_tombstones(silver: Snapshot, new: pl.DataFrame, won: Winners, fulls: FullBatches) -> Replaced:
    """Put new tombstones beside the old ones; a full batch being applied moves the older ones to its moment."""
    table = silver.table
    key, gone = list(table.key), won.moved_from(None).lazy()
    kept = silver.scan(partitions=[None]).join(new.lazy(), on=key, how="anti").join(gone, on=key, how="anti")
    if fulls.applying:
        full = fulls.applying
        marked = _as_counted(kept, fulls)
        older = older_than(full, fulls.order) & ~bad_in(full, table, fulls)
        names = polars_schema(table).names()
        kept = marked.with_columns(
            pl.when(older).then(pl.lit(full.decides_at)).otherwise(SEQUENCE).alias(SEQUENCE),
            pl.when(older).then(pl.lit(full.id)).otherwise(BATCH_ID).alias(BATCH_ID),
        ).select(names)
    written = silver.folder.write(pl.concat([kept, new.lazy()]), partition=None, bounds=STATE[:1])
    return Replaced(
        partition=None,
        absent=new.clear(),
        written=[written] if written.rows else [],
        removed=silver.partition_files([None])["path"].to_list(),
    )


def _absent_rows(missing: pl.DataFrame, full: Batch, table: Table) -> pl.DataFrame:
    at = missing.with_columns(
        pl.lit(full.decides_at, dtype=pl.Int64).alias(SEQUENCE),
        pl.lit(full.id).alias(BATCH_ID),
    )
    return tombstones(at.lazy(), table).collect()


def _as_counted(held: Frame, fulls: FullBatches) -> Frame:
    """Held rows with the sequence that counts, and whether an incremental batch brought them."""
    is_incremental = (~pl.col(BATCH_ID).is_in(fulls.ids)).alias(IS_INCREMENTAL)
    return held.with_columns(counted_sequence(fulls.ends), is_incremental)

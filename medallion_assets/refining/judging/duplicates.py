"""Duplicates of a key within one batch: identical records count once, differing ones are all bad (R3, F4, E3).

Belongs here: finding the few suspects in bounded memory, telling repeated lines, and resolving the others.
Does not: versions of a key in different batches, or (F4) at different sequences of one; these are ordered, and no
duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from medallion_assets.contracts.columns import (
    BATCH_ID,
    FAILURES,
    RAW,
    REASON_COLUMNS,
    REASONS,
    SEQUENCE,
    UNKNOWN_ATTRIBUTES,
    WARNINGS,
)
from medallion_assets.contracts.record_order import RecordOrder
from medallion_assets.engines.aside import TRAVELLING_BYTES, Aside
from medallion_assets.engines.engine import Engine, PutAside, groups_of
from medallion_assets.refining.judging.events import POSITION

KEY_HASH = "_key_hash"
LINE_HASH = "_line_hash"
RAW_BYTES = "_raw_bytes"
"""The length of a record's line."""
CONFLICTING = "conflicting_duplicate"
HASH_BYTES = 8
FEW_SUSPECTS = 1_000_000
"""So many are looked up in plans of this process, which takes hardly longer than none."""


def identity(key: Sequence[str], order: RecordOrder) -> list[str]:
    """What a batch has one good record of: a key, or (rule F4) a key at a sequence."""
    return [*key, SEQUENCE] if order.several_states else list(key)


def with_key_hash(records: pl.LazyFrame, identity: Sequence[str]) -> pl.LazyFrame:
    """Add a hash of (batch, `identity`); null where a part of that could not be read."""
    readable = pl.all_horizontal(pl.col(name).is_not_null() for name in identity)
    return records.with_columns(pl.when(readable).then(pl.struct(BATCH_ID, *identity).hash()).alias(KEY_HASH))


def suspects(engine: Engine, parts: Sequence[pl.LazyFrame], records: int) -> pl.DataFrame:
    """The hashes of keys that occur more than once in parts of so many records: one column, KEY_HASH."""
    hashes = [part.select(KEY_HASH).drop_nulls() for part in parts]
    groups = groups_of((records, engine.bounds.hashes))
    return pl.concat(engine.map_groups(_repeated, [hashes], by=[KEY_HASH], groups=groups))


def _repeated(hashes: list[pl.DataFrame], _: PutAside) -> pl.DataFrame:
    ordered = hashes.pop().to_series().sort()  # 8 bytes each, and twice that while they are sorted
    return ordered.filter(ordered == ordered.shift(1)).unique().to_frame()


def resolved(records: pl.DataFrame, identity: Sequence[str], canonical: Callable[[str], str]) -> pl.DataFrame:
    """Keep one of several identical records, the lowest (file, line); mark those that still differ as bad.

    Without an identity no records conflict: all that differ are there.
    `records` are judged records, `raw` included, of which `identity` is readable; `canonical` is their source's.
    """
    group = [BATCH_ID, *identity]
    differs = pl.col("_canonical").n_unique().over(group) > 1 if identity else pl.lit(value=False)
    marked = records.with_columns(
        pl.Series("_canonical", map(canonical, records[RAW]), dtype=pl.String),
    ).with_columns(differs.alias("_differs"))
    once = marked.sort(POSITION).unique([*group, "_canonical"], keep="first", maintain_order=True)
    reason = pl.when("_differs").then(pl.lit([CONFLICTING], dtype=pl.List(pl.String)))
    nothing = pl.lit([], dtype=pl.List(pl.String))
    column = pl.when("_differs").then(pl.lit([None], dtype=pl.List(pl.String)))
    return once.with_columns(
        pl.concat_list(REASONS, reason.otherwise(nothing)).alias(REASONS),
        pl.concat_list(REASON_COLUMNS, column.otherwise(nothing)).alias(REASON_COLUMNS),
    ).drop("_canonical", "_differs")


def apart(
    parts: Sequence[pl.LazyFrame], hashes: pl.DataFrame, aside: Aside, *, few: int | None = None
) -> tuple[list[pl.LazyFrame], list[pl.LazyFrame]]:
    """The suspects' records of each part, and the other records of each.

    Few suspects are looked up by the plan of each part: a join in each of many would hold some of all of them at a
    time, when they are read as one. Many are put aside, for a join. Plans that stay in this process share them, others
    carry them.
    """
    if few is None:
        few = FEW_SUSPECTS if aside.place is None else TRAVELLING_BYTES // HASH_BYTES
    if hashes.height <= few:
        is_suspect = pl.col(KEY_HASH).is_in(hashes[KEY_HASH].implode()).fill_null(value=False)
        return [part.filter(is_suspect) for part in parts], [part.filter(~is_suspect) for part in parts]
    put = aside(hashes)
    suspected = [part.join(put, on=KEY_HASH, how="semi") for part in parts]
    return suspected, [part.join(put, on=KEY_HASH, how="anti") for part in parts]


def with_line_hash(records: pl.LazyFrame) -> pl.LazyFrame:
    """Add a hash of each line; null where warnings, failures or unknown attributes count too, which are not kept."""
    counted = (pl.col(name).list.len() > 0 for name in (WARNINGS, FAILURES, UNKNOWN_ATTRIBUTES))
    return records.with_columns(pl.when(~pl.any_horizontal(counted)).then(pl.col(RAW).hash()).alias(LINE_HASH))


def repeated_lines(good: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """The good records of those suspects of which every record is one line, letter by letter.

    That lines of one key are equal is told by their hashes, `LINE_HASH`, of 64 bits, and their lengths.
    """
    is_one = pl.col(LINE_HASH).is_not_null().all() & (pl.struct(LINE_HASH, RAW_BYTES).n_unique() == 1)
    return good.join(bad, on=KEY_HASH, how="anti").filter(is_one.over(KEY_HASH))

"""Sampled records: some lines of a table's newest batches and of its last full one, as Bronze would hold them.

Belongs here: which lines tell what items look like, from Bronze or, before the first load, from the raw place.
Does not: what they tell.

The newest windows alone tell little: a window may have one record, and a rare attribute be in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.columns import (
    BATCH_ID,
    EXPORT_DATE,
    EXPORT_FROM_AT,
    EXPORT_TO_AT,
    EXPORT_TYPE,
    LINE_NUMBER,
    RAW,
    SOURCE_FILE,
)
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.source import BatchRefusedError, Delivery, Found, Source
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.raw_place import RawPlace

SAMPLE_FILES = 3
"""So many of the newest files or batches, and of the files of the last full one."""
SAMPLE_LINES = 10_000
"""Of all of them, a share of each."""
MOST_BATCHES = 500
"""So many batches are asked at most whether they are full: three weeks of hourly windows."""
COLUMNS = (RAW, BATCH_ID, EXPORT_TYPE, EXPORT_FROM_AT, EXPORT_TO_AT, SOURCE_FILE, LINE_NUMBER)


def sampled_records(lakehouse: Lakehouse, raw_url: str, loaded: Loaded, *, place_is_fine: bool) -> pl.DataFrame:
    """Lines with COLUMNS; without any column where there are none, or nothing is loaded and the raw place is not fine.

    Raises:
        TransientError: a store did not answer.
    """
    bronze = find_readable(lakehouse, bronze_table(loaded.table.short_name))
    frames: list[pl.DataFrame] = []
    if bronze is not None and bronze.files.height:
        frames = list(_of_bronze(bronze))
    elif place_is_fine and (place := RawPlace.of(lakehouse, raw_url, loaded).open(list)) is not None:
        frames = list(_of_place(place, loaded.source))
    return pl.concat(frames) if frames else pl.DataFrame()


def _of_bronze(bronze: Snapshot) -> Iterator[pl.DataFrame]:
    ends = f"max.{EXPORT_TO_AT}"
    files = bronze.files.sort(f"partition.{EXPORT_DATE}", ends, "path")
    full = files.filter(pl.col(f"min.{EXPORT_TYPE}") == str(BatchKind.FULL))
    last_full = full.filter(pl.col(ends) == pl.col(ends).max())
    paths = dict.fromkeys([*last_full["path"].tail(SAMPLE_FILES), *files["path"].tail(SAMPLE_FILES)])
    for path in paths:
        yield bronze.scan(paths=[path]).select(COLUMNS).tail(SAMPLE_LINES // len(paths)).collect(engine="streaming")


def _of_place(place: ObjectStore, source: Source) -> Iterator[pl.DataFrame]:
    """Of the newest batches that have records, and on to the first full one."""
    complete = [found for found in source.find(place).batches if found.is_complete]
    taken = 0
    for found in complete[: -MOST_BATCHES - 1 : -1]:
        delivery = _delivery(place, found, source)
        if delivery is None or (taken >= SAMPLE_FILES and not delivery.batch.is_full):
            continue
        lines = _first_lines(place, delivery, source)
        if lines is None:
            continue
        yield lines
        taken += 1
        if delivery.batch.is_full:
            return


def _delivery(place: ObjectStore, found: Found, source: Source) -> Delivery | None:
    """What a batch says of itself; None of one that is refused."""
    try:
        return source.read(place, found)
    except BatchRefusedError:
        return None


def _first_lines(place: ObjectStore, delivery: Delivery, source: Source) -> pl.DataFrame | None:
    """The first lines of a batch; None of one that is refused, or has none."""
    batch = delivery.batch
    try:
        with closing(source.lines(place, delivery)) as frames:
            frame = next(frames, None)
    except BatchRefusedError:
        return None
    if frame is None:
        return None
    return frame.head(SAMPLE_LINES // (SAMPLE_FILES + 1)).select(
        RAW,
        pl.lit(batch.id).alias(BATCH_ID),
        pl.lit(str(batch.kind)).alias(EXPORT_TYPE),
        pl.lit(batch.covers_from, pl.Datetime("us", "UTC")).alias(EXPORT_FROM_AT),
        pl.lit(batch.covers_to, pl.Datetime("us", "UTC")).alias(EXPORT_TO_AT),
        SOURCE_FILE,
        pl.col(LINE_NUMBER).cast(pl.Int64),
    )

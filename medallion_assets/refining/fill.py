"""Fill: the first full export of a table, written by day in one pass over its records (rules K1, H3).

Belongs here: when no record meets another, so that all of them are rows.
Does not: comparing records with what the table holds (refining.merge).

A first full export is most of what many a lakehouse ever reads, and nothing is to be found out about it: an export has
one good record a key. So days are not put together one by one from all parts of the export.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from medallion_assets.delta.data_files import StagedFile
from medallion_assets.delta.partitioned_files import LocalFile, write_partitions
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.staging import TableFolder
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.engines.pieces import LONG_ROW_BYTES, text_bytes
from medallion_assets.refining.change import Change
from medallion_assets.refining.full_exports import FullExports
from medallion_assets.refining.merge_days import STATE

MOST_ROWS, LEAST_ROWS = 32_768, 4_096
"""Rows of a day that are held until they are written, as a row group."""


def fill(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullExports, workspace: Place) -> Change | None:
    """Stage the good records of the first full export of an empty table as its rows.

    None where they may meet others, where rows are long or in very many days (some of each day are held until they are
    written), and on an engine whose processes do this together.
    """
    engine, table = silver.lakehouse.engine, silver.table
    is_first = fulls.applying is not None and not fulls.applied and not silver.files.height
    if not is_first or fulls.order.several_states or engine.memory_or(workspace) is not None:
        return None
    records = pl.concat(good)
    rows = records.with_columns(pl.lit(value=False).alias("is_deleted")).select(polars_schema(table).names())
    figures = (pl.len(), pl.col(str(table.partition_by)).n_unique(), pl.col("_is_delete").any())
    count, days, has_deletes = records.select(figures).collect(engine="streaming").row(0)
    most_bytes = engine.bounds.group_bytes
    height = _row_group_rows(count, days, text_bytes(rows), most_bytes)
    if has_deletes or height is None:
        return None
    written = write_partitions(rows, table, workspace.url, row_group_rows=height, most_bytes=most_bytes)
    staged = list(engine.map_items(partial(_staged, folder=silver.folder), written))
    return Change(
        staged=staged,
        restated={file.partition for file in written if file.partition is not None},
        rows=sum(file.rows for file in staged),
    )


def _row_group_rows(count: int, days: int, text: int, most_bytes: int) -> int | None:
    """How many of some rows, with so much text, are held of each day, for all days to be within `most_bytes`."""
    if not count or text > LONG_ROW_BYTES * count:
        return None
    height = most_bytes * count // max(1, text) // days
    if text <= most_bytes:
        return MOST_ROWS
    return min(MOST_ROWS, height) if height >= LEAST_ROWS else None


def _staged(file: LocalFile, *, folder: TableFolder) -> StagedFile:
    return folder.stage_file(file.path, partition=file.partition, bounds=STATE[:1])

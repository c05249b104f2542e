"""Fill: the first full batch of a table, written by day in one pass over its records (rules K1, H3).

Belongs here: when no record meets another, so that all of them are rows.
Does not: comparing records with what the table holds.

A first full batch is most of what many a lakehouse ever reads, and nothing is to be found out about it: a batch has
one good record a key. So days are not put together one by one from all parts of the batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import partial

import polars as pl

from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.partitioned_files import LocalFile, write_partitions
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Place, expect_all_written
from medallion_assets.engines.extent import extents
from medallion_assets.refining.judging.events import has_deletes, upserts
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.merging.change import Change
from medallion_assets.refining.merging.merge_days import STATE
from medallion_assets.refining.merging.one_pass import held_of_each


def fill(silver: Snapshot, good: Sequence[pl.LazyFrame], fulls: FullBatches, workspace: Place) -> Change | None:
    """Write the good records of the first full batch of an empty table as its rows.

    None where they may meet others, where rows are long or in very many days (some of each day are held until they are
    written), and on an engine whose processes do this together.

    Raises:
        PermanentError: other rows were written than were counted.
    """
    engine, table = silver.lakehouse.engine, silver.table
    is_first = fulls.applying is not None and not fulls.applied and not silver.files.height
    if not is_first or fulls.order.several_states or engine.memory_or(workspace) is not None:
        return None
    records = pl.concat(good)
    if has_deletes(records):
        return None
    rows = upserts(records, table)
    days = extents(rows, by=str(table.partition_by))
    height = held_of_each(days, engine.bounds)
    if height is None:
        return None
    most_bytes = engine.bounds.group_bytes
    files = write_partitions(rows, table, workspace.url, row_group_rows=height, most_bytes=most_bytes)
    written = list(engine.map_items(partial(_copied, folder=silver.folder), files))
    found: Counter[date | None] = Counter()
    for local, file in zip(files, written, strict=True):
        found[local.partition] += file.rows
    expect_all_written(days, found, where=silver.uri)
    return Change(
        written=written,
        restated={day for day in days if day is not None},
        rows=found.total(),
    )


def _copied(file: LocalFile, *, folder: TableFolder) -> WrittenFile:
    """The file, which takes room in one place only after that."""
    written = folder.write_file(file.path, partition=file.partition, bounds=STATE[:1])
    file.path.unlink()
    return written

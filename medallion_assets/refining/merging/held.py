"""Held: the rows that a table has of the keys of some events, before they are merged.

Belongs here: looking for keys in a table whose rows lie by day, and not by key.
Does not: which row wins.

Nothing tells where a key is, so every key of the table is read. It is read once for many parts of events, and not once
for each: what merging costs follows the events then, beside one look through the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from medallion_assets.contracts.columns import IS_DELETED
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import row_count
from medallion_assets.refining.merging.merge_days import STATE


def held_rows(silver: Snapshot, parts: Sequence[pl.LazyFrame], workspace: Place) -> list[pl.LazyFrame]:
    """For each part of events what `silver` holds of at least its keys: key, state and partition.

    The parts are looked for together, as many as have no more keys than are in memory at a time: those have one frame.
    One part alone finds its rows itself, unless other processes could look through the table together.
    """
    engine, table = silver.lakehouse.engine, silver.table
    names = (*table.key, *STATE, IS_DELETED, str(table.partition_by))
    files = silver.part()
    slices = _slices(files, engine.bounds.keys)
    is_here = engine.memory_or(workspace) is None
    if not files.paths or (len(parts) == 1 and (is_here or len(slices) == 1)):
        return [files.scan().select(names)] * len(parts)
    keys = [part.select(table.key) for part in parts]
    passes = _passes(keys, engine)
    look = partial(
        _found, keys=[[keys[number] for number in sought] for sought in passes], names=names, place=workspace
    )
    found = list(
        engine.map_items(look, [(number, held) for number in range(len(passes)) for held in slices], are_large=True)
    )
    of_pass = [pl.concat(found[start : start + len(slices)]) for start in range(0, len(found), len(slices))]
    return [rows for rows, sought in zip(of_pass, passes, strict=True) for _ in sought]


def _passes(keys: Sequence[pl.LazyFrame], engine: Engine) -> list[list[int]]:
    """The numbers of the parts that are looked for together. Parts are rarely full: they are counted."""
    if len(keys) == 1 or len(keys) * engine.bounds.group_rows <= engine.bounds.keys:
        return [list(range(len(keys)))]
    passes: list[list[int]] = [[]]
    held = 0
    for number, height in enumerate(engine.map_items(row_count, keys)):
        if passes[-1] and held + height > engine.bounds.keys:
            passes.append([])
            held = 0
        passes[-1].append(number)
        held += height
    return passes


def _found(
    item: tuple[int, ParquetFiles], *, keys: Sequence[Sequence[pl.LazyFrame]], names: Sequence[str], place: Place
) -> pl.LazyFrame:
    """What some files of the table have of the keys of a pass."""
    number, held = item
    sought = pl.concat(keys[number])
    rows = held.scan().select(names).join(sought, on=sought.collect_schema().names(), how="semi")
    found = rows.collect(engine="streaming")
    return Aside(place if found.height else None)(found)


def _slices(files: ParquetFiles, most: int) -> list[ParquetFiles]:
    """The files in groups of so many rows, or of one file; all together where nobody counted."""
    groups: list[list[str]] = [[]]
    rows = 0
    for path, count in zip(files.paths, files.rows or [0] * len(files.paths), strict=True):
        if groups[-1] and rows + count > most:
            groups.append([])
            rows = 0
        groups[-1].append(path)
        rows += count
    return [files.of(paths) for paths in groups]

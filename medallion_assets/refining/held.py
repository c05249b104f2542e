"""Held: the rows that a table has of the keys of some events, before they are merged.

Belongs here: looking for keys in a table whose rows lie by day, and not by key.
Does not: which row wins (refining.merge).

Nothing tells where a key is, so every key of the table is read. It is read once for many parts of events, and not once
for each: what merging costs follows the events then, beside one look through the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.files import Files
from medallion_assets.refining.merge_days import STATE


def held_rows(silver: Snapshot, parts: Sequence[pl.LazyFrame], workspace: Place) -> list[pl.LazyFrame]:
    """For each part of events what `silver` holds of at least its keys: key, state and partition.

    The parts are looked for together, as many as have no more keys than are in memory at a time. One part alone finds
    its rows itself.
    """
    engine, table = silver.lakehouse.engine, silver.table
    names = [*table.key, *STATE, "is_deleted", str(table.partition_by)]
    files = silver.part()
    if len(parts) == 1 or not files.paths:
        return [files.scan().select(names)] * len(parts)
    together = max(1, engine.bounds.keys // engine.bounds.block_rows)
    passes = [parts[start : start + together] for start in range(0, len(parts), together)]
    slices = _slices(files, engine.bounds.keys)
    looks = [
        _Look(held=held, names=tuple(names), keys=[part.select(table.key) for part in sought], folder=workspace)
        for sought in passes
        for held in slices
    ]
    found = list(engine.map_items(_found, looks, are_large=True))
    of_pass = [pl.concat(found[start : start + len(slices)]) for start in range(0, len(found), len(slices))]
    return [rows for rows, sought in zip(of_pass, passes, strict=True) for _ in sought]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Some files of the table, and the keys that are looked for in them."""

    held: Files
    names: tuple[str, ...]
    keys: Sequence[pl.LazyFrame]
    folder: Place


def _found(look: _Look) -> pl.LazyFrame:
    keys = pl.concat(look.keys)
    rows = look.held.scan().select(look.names).join(keys, on=keys.collect_schema().names(), how="semi")
    found = rows.collect(engine="streaming")
    return Aside(look.folder if found.height else None)(found)


def _slices(files: Files, most: int) -> list[Files]:
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

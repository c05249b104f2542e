"""Integrity: questions that every table of a kind must answer with none.

Belongs here: counting what must not be there, in bounded memory.
Does not: what happens when something is (the checks of assets, `medallion verify`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from medallion_assets.contracts.columns import IS_CURRENT
from medallion_assets.delta.table import Snapshot
from medallion_assets.refining.judging.duplicates import FEW_SUSPECTS, KEY_HASH, suspects


def repeated_keys(snapshot: Snapshot) -> int:
    """How many keys have more than one live row: of a history table, more than one current version.

    Where there is no key, a line has one row. Two keys may share a hash, so few suspects are looked up by their keys.
    """
    row_id = list(snapshot.table.row_id)
    rows = snapshot.scan()
    if snapshot.table.history:
        rows = rows.filter(IS_CURRENT)
    found = suspects(snapshot.lakehouse.engine, [rows.select(_hash(row_id))], snapshot.row_count)
    if not 0 < found.height <= FEW_SUSPECTS:
        return found.height
    keys = rows.select(row_id).filter(_hash(row_id).is_in(found[KEY_HASH].implode()))
    repeated = keys.group_by(row_id).len().filter(pl.col("len") > 1)
    return int(repeated.select(pl.len()).collect(engine="streaming").item())


def _hash(row_id: Sequence[str]) -> pl.Expr:
    return pl.struct(row_id).hash().alias(KEY_HASH)


def leaked_tombstones(source: Snapshot, derived: Snapshot) -> int:
    """How many deleted keys of a Silver table have a row in a table made from its live rows."""
    key = list(source.table.key)
    deleted = source.scan(partitions=[None]).select(key)
    return int(derived.scan().select(key).join(deleted, on=key, how="semi").select(pl.len()).collect().item())

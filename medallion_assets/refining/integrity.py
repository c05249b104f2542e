"""Integrity: questions that every table of a kind must answer with none.

Belongs here: counting what must not be there, in bounded memory.
Does not: what happens when something is (the checks of assets, `medallion verify`).
"""

from __future__ import annotations

import polars as pl

from medallion_assets.contracts.columns import IS_CURRENT
from medallion_assets.delta.table import Snapshot
from medallion_assets.refining.judging.duplicates import KEY_HASH, suspects


def repeated_keys(snapshot: Snapshot) -> int:
    """How many keys have more than one live row: of a history table, more than one current version.

    Where there is no key, a line has one row.
    """
    table = snapshot.table
    rows = snapshot.scan()
    if table.history:
        rows = rows.filter(IS_CURRENT)
    hashes = rows.select(pl.struct(table.row_id).hash().alias(KEY_HASH))
    return suspects(snapshot.lakehouse.engine, [hashes], snapshot.row_count).height


def leaked_tombstones(source: Snapshot, derived: Snapshot) -> int:
    """How many deleted keys of a Silver table have a row in a table made from its live rows."""
    key = list(source.table.key)
    deleted = source.scan(partitions=[None]).select(key)
    return int(derived.scan().select(key).join(deleted, on=key, how="semi").select(pl.len()).collect().item())

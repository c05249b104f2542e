"""Full exports that count when events are applied: what they lack was deleted by their moment (rule K1).

Belongs here: which they are, over which rows an absence from one wins, and the keys that it may not speak of.
Does not: applying them to a table (lakehouse.state, lakehouse.history_store).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.raw_exports import RawExport


@dataclass(frozen=True, kw_only=True)
class FullExports:
    """The full exports that count. `applied` were applied before, `applying` is being applied now.

    `bad_keys` holds the keys whose record in one of them was bad: key columns and `_export_id`.
    """

    applied: Sequence[RawExport]
    applying: RawExport | None
    bad_keys: pl.DataFrame

    @property
    def ids(self) -> list[str]:
        """The ids of all of them."""
        exports = [*self.applied, self.applying] if self.applying else self.applied
        return [export.export_id for export in exports]


def older_than(full: RawExport) -> pl.Expr:
    """Rows over which an absence from this export wins: older ones, and absences from a later id at the same time."""
    tie = pl.col("is_deleted") & ~pl.col("_is_incremental") & (pl.lit(full.export_id) < pl.col("_export_id"))
    sequence = pl.col("_sequence_micros")
    return (sequence < full.decides_at_micros) | ((sequence == full.decides_at_micros) & tie)


def bad_in(full: RawExport, table: Table, fulls: FullExports) -> pl.Expr:
    """Rows whose key was bad in this export: it says nothing of them."""
    keys = fulls.bad_keys.filter(pl.col("_export_id") == full.export_id)
    if not keys.height:
        return pl.lit(value=False)
    return pl.struct(*table.key).is_in(keys.select(pl.struct(*table.key).alias("key"))["key"].implode())

"""Full batches that count: what decides the keys that it lacks (rules K1, B3).

Belongs here: which of them count beside each other, since when a former table's records do not, and over which rows an
    absence wins.
Does not: applying one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, IS_DELETED, IS_INCREMENTAL, SEQUENCE
from medallion_assets.contracts.record_order import LOWEST_ID_WINS, RecordOrder
from medallion_assets.contracts.table import Table
from medallion_assets.refining.ledger.origins import Origins, without_outdated


@dataclass(frozen=True, kw_only=True)
class FullBatches:
    """The full batches that count. `applied` were applied before, `applying` is being applied now.

    `bad_keys` holds the keys whose record in one of them was bad: key columns and `_export_id`. `ends` says, of each
    batch of a former table, after which sequence its records do not count (rule B3). `order` is that of the table's
    source.
    """

    applied: Sequence[Batch]
    applying: Batch | None
    bad_keys: pl.DataFrame
    ends: Mapping[str, int] = field(default_factory=dict)
    order: RecordOrder = LOWEST_ID_WINS

    @classmethod
    def of(
        cls,
        origins: Origins,
        batches: Sequence[Batch],
        *,
        applied: Sequence[Batch],
        applying: Batch | None,
        bad_keys: pl.DataFrame,
        order: RecordOrder,
    ) -> FullBatches:
        """Those of them that count; `batches` are all whose records Silver may hold."""
        fulls = [*applied, applying] if applying else list(applied)
        ends = origins.ends(without_outdated(fulls, origins.ends(fulls, fulls)), batches)
        counted = without_outdated(applied, ends)
        now = applying if applying and without_outdated([applying], ends) else None
        return cls(applied=counted, applying=now, bad_keys=bad_keys, ends=ends, order=order)

    @property
    def ids(self) -> list[str]:
        """The ids of all of them."""
        batches = [*self.applied, self.applying] if self.applying else self.applied
        return [batch.id for batch in batches]

    @property
    def latest_applied(self) -> list[Batch]:
        """Those that were applied before, the one that decides first."""
        by_id = sorted(self.applied, key=lambda full: full.id, reverse=self.order.latest_batch_wins)
        return sorted(by_id, key=lambda full: full.decides_at, reverse=True)


def wins_by_id(order: RecordOrder, id_: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Which of two batches of a kind wins on a tie (rules R3, F5)."""
    return id_ > other if order.latest_batch_wins else id_ < other


def older_than(full: Batch, order: RecordOrder) -> pl.Expr:
    """Rows over which an absence from this batch wins: older ones, and absences at the same time that its id beats."""
    beats = wins_by_id(order, pl.lit(full.id), pl.col(BATCH_ID))
    tie = pl.col(IS_DELETED) & ~pl.col(IS_INCREMENTAL) & beats
    sequence = pl.col(SEQUENCE)
    return (sequence < full.decides_at) | ((sequence == full.decides_at) & tie)


def bad_in(full: Batch, table: Table, fulls: FullBatches) -> pl.Expr:
    """Rows whose key was bad in this batch: it says nothing of them."""
    keys = fulls.bad_keys.filter(pl.col(BATCH_ID) == full.id)
    if not keys.height:
        return pl.lit(value=False)
    return pl.struct(*table.key).is_in(keys.select(pl.struct(*table.key).alias("key"))["key"].implode())

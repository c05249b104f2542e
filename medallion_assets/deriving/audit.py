"""Auditing Gold: what is stored against what its source gives now, partition by partition.

Belongs here: comparing and reconciling, as values that say which days differ. Gold is compared with the version of its
source that it was built from: what came in meanwhile is the next build's.
Does not: building, or how a verdict looks in Dagster.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import accumulate

import polars as pl

from medallion_assets.contracts.pipeline import Gold, Reconciled
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import CommitLog, commits_since
from medallion_assets.delta.notes.source_versions import built_from, taken_version
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.computation import computation
from medallion_assets.deriving.made_rows import transform_errors

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit of some partitions found. `differing` are the rows on one side alone; `_only_in` says on which.

    `sums` holds what Gold and what the table that it is reconciled with have for each day.
    """

    rows_stored: int
    rows_recomputed: int
    differing: pl.DataFrame
    sums: Mapping[date, tuple[Decimal, Decimal]] = field(default_factory=dict)

    @property
    def equals_recomputation(self) -> bool:
        """Whether every row of the partitions is what the source gives now, and none is missing."""
        return self.differing.is_empty()

    @property
    def unreconciled(self) -> dict[date, tuple[Decimal, Decimal]]:
        """The days whose sum is another than that of the table it is reconciled with, to the last decimal."""
        return {day: (gold, other) for day, (gold, other) in self.sums.items() if gold != other}


def source_of(gold: Gold, built: Snapshot) -> Snapshot:
    """The version of its source that this version of a Gold table was built from."""
    (commit,) = commits_since(built, built.version - 1)
    latest = built.lakehouse.open(gold.source)
    version = built_from(commit, CommitLog(latest))
    return latest if version is None else built.lakehouse.open(gold.source, version=version)


def made_from(snapshot: Snapshot, table: Table) -> Snapshot:
    """The version of a source that this version of a derived table was made from; the latest if it does not tell."""
    latest = snapshot.lakehouse.open(table)
    version = taken_version(snapshot, latest)
    return latest if version is None else snapshot.lakehouse.open(table, version=version)


def audit(gold: Gold, built: Snapshot, source: Snapshot, days: Sequence[date]) -> Audit:
    """Audit some days of a Gold table (rules G1 to G3); `built` and `source` are its versions."""
    stored_rows = recomputed_rows = 0
    differing: list[pl.DataFrame] = []
    sums: dict[date, Decimal] = {}
    with computation(gold, source) as computed:
        for group, expected in computed.groups(days):
            stored = built.scan(partitions=group).collect()
            stored_rows += stored.height
            recomputed_rows += expected.height
            differing.append(_difference(stored, expected))
            if gold.reconciled:
                sums.update(_sums(stored, str(gold.table.partition_by), gold.reconciled.column))
    totals = _totals(gold, gold.reconciled, source, days) if gold.reconciled else {}
    return Audit(
        rows_stored=stored_rows,
        rows_recomputed=recomputed_rows,
        differing=pl.concat(differing),
        sums={day: (sums.get(day, ZERO), total) for day, total in totals.items()},
    )


def _totals(gold: Gold, reconciled: Reconciled, source: Snapshot, days: Sequence[date]) -> dict[date, Decimal]:
    """What Gold has to reconcile with on each of `days`; as of a day that is all that came up to it."""
    before = source if reconciled.table.name == source.table.name else made_from(source, reconciled.table)
    engine = before.lakehouse.engine
    with transform_errors(gold.table, "totals of reconciled"):
        totals = engine.fetch(reconciled.totals(engine.scan(before.part())))
    by_day: dict[date, Decimal] = dict(totals.iter_rows())
    if not gold.is_cumulative:
        return {day: by_day.get(day, ZERO) for day in days}
    ascending = sorted(by_day)
    up_to = list(accumulate((by_day[day] for day in ascending), initial=ZERO))
    return {day: up_to[bisect_right(ascending, day)] for day in days}


def _difference(stored: pl.DataFrame, expected: pl.DataFrame) -> pl.DataFrame:
    """The rows that one side has more often than the other, first the column `_only_in`: `gold` or `silver`."""
    if stored.sort(expected.columns).equals(expected.sort(expected.columns)):
        return expected.clear().insert_column(0, pl.Series("_only_in", [], dtype=pl.String))
    sides = pl.concat([stored.with_columns(_surplus=pl.lit(1)), expected.with_columns(_surplus=pl.lit(-1))])
    surplus = sides.group_by(expected.columns, maintain_order=True).agg(pl.col("_surplus").sum())
    only_in = pl.when(pl.col("_surplus") > 0).then(pl.lit("gold")).otherwise(pl.lit("silver")).alias("_only_in")
    return surplus.filter(pl.col("_surplus") != 0).select(only_in, *expected.columns)


def _sums(rows: pl.DataFrame, day: str, money: str) -> dict[date, Decimal]:
    return dict(rows.group_by(day).agg(pl.col(money).sum()).iter_rows())

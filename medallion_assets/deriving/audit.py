"""Auditing Gold: what is stored against what Silver gives now, partition by partition.

Belongs here: comparing and reconciling, as values that say which days differ. Gold is compared with the versions of
Silver that it was built from: what Silver took in meanwhile is the next build's.
Does not: building (build.py), or how a verdict looks in Dagster (orchestration/assets/gold.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl

from medallion_assets.delta.commit_notes import commits_since
from medallion_assets.delta.source_versions import SourceVersion, noted_version
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.build import customer_ltv, daily_sales, partition
from medallion_assets.deriving.changed_days import transactions_of
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit of some partitions found. `differing` are the rows on one side alone; `_only_in` says on which.

    `revenue` holds what Gold and what Silver has for each day, in units of currency.
    """

    rows_stored: int
    rows_recomputed: int
    differing: pl.DataFrame
    revenue: dict[date, tuple[Decimal, Decimal]]

    @property
    def equals_recomputation(self) -> bool:
        """Whether every row of the partitions is what Silver gives now, and none is missing."""
        return self.differing.is_empty()

    @property
    def unreconciled(self) -> dict[date, tuple[Decimal, Decimal]]:
        """The days whose net revenue is not Silver's, to the last decimal."""
        return {day: (gold, silver) for day, (gold, silver) in self.revenue.items() if gold != silver}


def source_of(gold: Snapshot) -> Snapshot:
    """The version of Silver's enriched table that this version of a Gold table was built from."""
    (commit,) = commits_since(gold, gold.version - 1)
    latest = gold.lakehouse.open(ENRICHED_TRANSACTIONS)
    version = noted_version(commit, SourceVersion.of(latest))
    return latest if version is None else gold.lakehouse.open(ENRICHED_TRANSACTIONS, version=version)


def audit_daily_sales(gold: Snapshot, enriched: Snapshot, days: Sequence[date]) -> Audit:
    """Audit the summaries of some days (rules G1, G2)."""
    stored = gold.scan(partitions=days).collect()
    by_day = revenue_by_day(transactions_of(enriched))
    silver = {day: by_day.get(day, ZERO) for day in days}
    revenue = _revenue(stored, "transaction_date", "net_revenue")
    return _audit([(stored, daily_sales(enriched, days))], revenue, silver)


def audit_customer_ltv(gold: Snapshot, enriched: Snapshot, as_of_days: Sequence[date]) -> Audit:
    """Audit the lifetime values as of some days (rules G1, G3); their revenue is that of all days up to then."""
    by_day = revenue_by_day(transactions_of(enriched))
    silver = {as_of: sum((by_day[day] for day in by_day if day <= as_of), ZERO) for as_of in as_of_days}
    revenue: dict[date, Decimal] = {}

    def pairs() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        for as_of, expected in zip(as_of_days, customer_ltv(enriched, as_of_days), strict=True):
            stored = partition(gold, as_of)
            revenue.update(_revenue(stored, "as_of_date", "lifetime_value"))
            yield stored, expected

    return _audit(pairs(), revenue, silver)


def revenue_by_day(transactions: Snapshot) -> dict[date, Decimal]:
    """The net revenue of every day, straight from silver.customer_transactions: what Gold has to reconcile with."""
    rows = transactions.scan().filter(~pl.col("is_deleted"), pl.col("status") == "completed")
    by_day = rows.group_by("transaction_date").agg(pl.col("amount").sum())
    return dict(by_day.collect(engine="streaming").iter_rows())


def _audit(
    pairs: Iterable[tuple[pl.DataFrame, pl.DataFrame]], gold: Mapping[date, Decimal], silver: Mapping[date, Decimal]
) -> Audit:
    """Compare pairs of stored and expected rows; `gold` may be filled while they are read."""
    stored_rows = expected_rows = 0
    differing: list[pl.DataFrame] = []
    for stored, expected in pairs:
        stored_rows += stored.height
        expected_rows += expected.height
        differing.append(_difference(stored, expected))
    return Audit(
        rows_stored=stored_rows,
        rows_recomputed=expected_rows,
        differing=pl.concat(differing),
        revenue={day: (gold.get(day, ZERO), silver[day]) for day in silver},
    )


def _difference(stored: pl.DataFrame, expected: pl.DataFrame) -> pl.DataFrame:
    """The rows that one side has more often than the other, first the column `_only_in`: `gold` or `silver`."""
    if stored.sort(expected.columns).equals(expected.sort(expected.columns)):
        return expected.clear().insert_column(0, pl.Series("_only_in", [], dtype=pl.String))
    sides = pl.concat([stored.with_columns(_surplus=pl.lit(1)), expected.with_columns(_surplus=pl.lit(-1))])
    counted = sides.group_by(expected.columns, maintain_order=True).agg(pl.col("_surplus").sum())
    only_in = pl.when(pl.col("_surplus") > 0).then(pl.lit("gold")).otherwise(pl.lit("silver")).alias("_only_in")
    return counted.filter(pl.col("_surplus") != 0).select(only_in, *expected.columns)


def _revenue(rows: pl.DataFrame, day: str, money: str) -> dict[date, Decimal]:
    return dict(rows.group_by(day).agg(pl.col(money).sum()).iter_rows())

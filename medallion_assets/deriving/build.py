"""Building Gold: a partition is computed from Silver and replaced as a whole (rules G1 to G5).

Belongs here: reading Silver, writing partitions, and which partitions are there.
Does not: the figures (pipelines/transactions/daily_sales_summary.py, pipelines/transactions/customer_ltv.py), or which
days (kept_days.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import narwhals as nw
import polars as pl

from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.partitions import conform, replace_days, stage_day
from medallion_assets.delta.source_versions import SourceVersion
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.kept_days import housekeeping
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV, customer_days, lifetime_value
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY, summarise
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build wrote: the table's version, and rows read and written."""

    version: int
    rows_in: int
    rows_out: int


def build_daily_sales(
    lakehouse: Lakehouse, days: Sequence[date], *, progress: Callable[[str], None] = lambda _: None
) -> Built:
    """Replace the summaries of some days.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """

    def build() -> Built:
        gold, enriched = lakehouse.ready(DAILY_SALES_SUMMARY), lakehouse.source(ENRICHED_TRANSACTIONS)
        progress(f"{DAILY_SALES_SUMMARY.name}: summarising {len(days)} day(s)")
        rows = daily_sales(enriched, days)
        staged = [stage_day(gold, rows.filter(pl.col("transaction_date") == day), day) for day in days]
        files = [file for file in staged if file is not None]
        version = replace_days(gold, days, files, source=SourceVersion.of(enriched))
        return Built(version=version, rows_in=_rows(enriched, days), rows_out=rows.height)

    return until_committed(build)


def build_customer_ltv(
    lakehouse: Lakehouse, as_of_days: Sequence[date], *, progress: Callable[[str], None] = lambda _: None
) -> Built:
    """Replace the lifetime values as of some days, and remove the days that are not kept (rule G5).

    Silver is read once for all of them. A day that is asked for is built although it is not kept; the next build
    removes it.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """

    def build() -> Built:
        gold, enriched = lakehouse.ready(CUSTOMER_LTV), lakehouse.source(ENRICHED_TRANSACTIONS)
        base = _base(enriched)
        files = []
        for number, as_of in enumerate(as_of_days, start=1):
            progress(f"{CUSTOMER_LTV.name}: as of {as_of} ({number} of {len(as_of_days)})")
            if (file := stage_day(gold, _lifetime_value(base, as_of), as_of)) is not None:
                files.append(file)
        greatest = max((day for day in enriched.partitions if day is not None), default=None)
        outdated = set(housekeeping([day for day in gold.partitions if day is not None], greatest)) - set(as_of_days)
        version = replace_days(gold, as_of_days, files, source=SourceVersion.of(enriched), outdated=outdated)
        return Built(version=version, rows_in=base.height, rows_out=sum(file.rows for file in files))

    return until_committed(build)


def daily_sales(enriched: Snapshot, days: Sequence[date]) -> pl.DataFrame:
    """The summaries of some days, computed from Silver."""
    rows = summarise(nw.from_native(enriched.scan(partitions=days)))
    return conform(rows.to_native(), DAILY_SALES_SUMMARY).collect(engine="streaming")


def customer_ltv(enriched: Snapshot, as_of_days: Sequence[date]) -> Iterator[pl.DataFrame]:
    """The lifetime values as of each of some days, computed from Silver, which is read once."""
    base = _base(enriched)
    for as_of in as_of_days:
        yield _lifetime_value(base, as_of)


def partition(gold: Snapshot, day: date) -> pl.DataFrame:
    """What a Gold table holds for a day, in the order of its key."""
    return gold.scan(partitions=[day]).collect().sort(list(gold.table.key))


def _base(enriched: Snapshot) -> pl.DataFrame:
    base = customer_days(nw.from_native(enriched.scan())).to_native()
    frame: pl.DataFrame = base.collect(engine="streaming")
    return frame


def _lifetime_value(base: pl.DataFrame, as_of: date) -> pl.DataFrame:
    return conform(lifetime_value(nw.from_native(base.lazy()), as_of).to_native(), CUSTOMER_LTV).collect()


def _rows(snapshot: Snapshot, days: Sequence[date]) -> int:
    return int(snapshot.partition_files(days)["num_records"].sum()) if snapshot.files.height else 0

"""Rebuilding Gold: every day that a table holds or should hold, computed again and put in place as one version.

Belongs here: which days these are.
Does not: the figures (deriving.build), comparing and committing (delta.replacement), or single days: a run of the asset
for a day builds that day again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import polars as pl

from medallion_assets.contracts.table import Table
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.partitions import REMOVED, REPLACED
from medallion_assets.delta.replacement import REBUILT_NOTE, Progress, Replacement
from medallion_assets.delta.source_versions import SourceVersion, source_notes
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.delta.table_changes import Rebuilt, expect_reason
from medallion_assets.deriving.build import customer_ltv, daily_sales
from medallion_assets.deriving.kept_days import kept_as_of_days, missing_as_of_days
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS

DAYS_AT_ONCE = 7
GOLD_TABLES = (DAILY_SALES_SUMMARY, CUSTOMER_LTV)


def rebuild_gold(
    lakehouse: Lakehouse,
    table: Table,
    *,
    why: str,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Build a Gold table again from Silver as it is now, or say what that would change.

    Days that do not differ keep their files, and are not published again. Of customer_ltv every day that is kept is
    built (rule G5), and the others are removed.

    Raises:
        PermanentError: `why` is blank, or the table or its source has not been made yet.
        CommitConflictError: other writers were faster, every time.
    """
    expect_reason(table.name, why)
    return until_committed(lambda: _rebuild(lakehouse, table, why, progress, dry_run=dry_run))


def _rebuild(lakehouse: Lakehouse, table: Table, why: str, progress: Progress, *, dry_run: bool) -> Rebuilt:
    gold = lakehouse.open_any(table)  # before its source, as in deriving.build
    enriched = lakehouse.open(ENRICHED_TRANSACTIONS)
    replacement = Replacement(table=gold, stages=not dry_run)
    held = {day for day in gold.partitions if day is not None}
    days = sorted(_days(table, held, {day for day in enriched.partitions if day is not None}))
    removed = sorted(held - set(days))
    for number, (day, rows) in enumerate(_rows(table, enriched, days), start=1):
        replacement.partition(day, rows)
        progress(f"building {table.name} again", number, len(days))
    for day in removed:
        replacement.partition(day, pl.DataFrame(schema=replacement.table.scan().collect_schema()))
    changes, version = replacement.changes(), gold.version
    if not dry_run:
        notes = {
            **source_notes(SourceVersion.of(enriched)),
            REPLACED: sorted(changes.restated.difference(removed)),
            REMOVED: removed,
            REBUILT_NOTE: {"why": why},
        }
        version = replacement.commit({}, notes)
    return Rebuilt(table=table.name, version=version, dry_run=dry_run, changes=changes)


def _days(table: Table, held: set[date], of_silver: set[date]) -> Iterable[date]:
    if table.name == DAILY_SALES_SUMMARY.name:
        return held | of_silver
    if not of_silver:
        return ()
    first, greatest = min(of_silver), max(of_silver)
    return {*kept_as_of_days(held, greatest), *missing_as_of_days(held, first, greatest)}


def _rows(table: Table, enriched: Snapshot, days: list[date]) -> Iterator[tuple[date, pl.DataFrame]]:
    """Each day with its rows, a few days of sales at a time."""
    if table.name != DAILY_SALES_SUMMARY.name:
        yield from zip(days, customer_ltv(enriched, days), strict=True)
        return
    for start in range(0, len(days), DAYS_AT_ONCE):
        group = days[start : start + DAYS_AT_ONCE]
        rows = daily_sales(enriched, group)
        for day in group:
            yield day, rows.filter(pl.col("transaction_date") == day)

"""Keeping silver.enriched_transactions right: only the days that a change of transactions or customers touches.

Belongs here: finding these days, enriching them, and one commit that also says up to where both sources are in.
Does not: what enrichment means (pipelines/transactions/enriched_transactions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import narwhals as nw
import polars as pl

from medallion_assets.delta.commit_notes import RESTATED, restated_since
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.data_files import StagedFile
from medallion_assets.delta.partitions import conform, stage_day
from medallion_assets.delta.replacement import REBUILT_NOTE, Progress, Replacement
from medallion_assets.delta.source_versions import SourceVersion, source_app_id, source_commits, taken_version
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.delta.table_changes import Rebuilt, expect_reason
from medallion_assets.errors import UnreadableTableError
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.enriched_transactions import (
    ENRICHED_TRANSACTIONS,
    affected_days,
    changed_periods,
    customer_periods,
    enrich,
)

ROWS_AT_ONCE = 500_000


@dataclass(kw_only=True)
class Enriched:
    """What a run of `update_enriched` did."""

    version: int = 0
    rows_in: int = 0
    rows_out: int = 0
    restated: set[date] = field(default_factory=set)


def update_enriched(lakehouse: Lakehouse, *, progress: Callable[[str], None] = lambda _: None) -> Enriched:
    """Bring the table up to the latest transactions and customers.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    return until_committed(lambda: _update(lakehouse, progress))


def rebuild_enriched(
    lakehouse: Lakehouse,
    *,
    why: str,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Enrich every day again, from the latest transactions and customers, or say what that would change.

    Raises:
        PermanentError: `why` is blank, or the table or one of its sources has not been made yet.
        CommitConflictError: other writers were faster, every time.
    """
    expect_reason(ENRICHED_TRANSACTIONS.name, why)
    return until_committed(lambda: _rebuild(lakehouse, why, progress, dry_run=dry_run))


def _rebuild(lakehouse: Lakehouse, why: str, progress: Progress, *, dry_run: bool) -> Rebuilt:
    enriched = lakehouse.open_any(ENRICHED_TRANSACTIONS)  # before its sources, as in `_update`
    sources = transactions, customers = lakehouse.open(CUSTOMER_TRANSACTIONS), lakehouse.open(CUSTOMERS)
    replacement = Replacement(table=enriched, stages=not dry_run)
    days = sorted({day for one in (transactions, enriched) for day in one.partitions if day is not None})
    periods = customer_periods(nw.from_native(customers.scan())).collect().to_native().lazy()
    done = 0
    for group in _groups(transactions, days):
        rows = _enrich(transactions, group, periods)
        for day in group:
            replacement.partition(day, rows.filter(pl.col("transaction_date") == day))
        done += len(group)
        progress(f"enriching {enriched.table.name} again", done, len(days))
    changes, version = replacement.changes(), enriched.version
    if not dry_run:
        marks = {source_app_id(source): source.version for source in sources}
        notes = {
            RESTATED: sorted(str(day) for day in changes.restated),
            REBUILT_NOTE: {"why": why},
            **source_commits(*map(SourceVersion.of, sources)),
        }
        version = replacement.commit(marks, notes)
    return Rebuilt(table=enriched.table.name, version=version, dry_run=dry_run, changes=changes)


def transactions_of(enriched: Snapshot) -> Snapshot:
    """The version of silver.customer_transactions that a version of the enriched table was made from."""
    latest = enriched.lakehouse.open(CUSTOMER_TRANSACTIONS)
    version = taken_version(enriched, latest)
    return latest if version is None else enriched.lakehouse.open(CUSTOMER_TRANSACTIONS, version=version)


def _update(lakehouse: Lakehouse, progress: Callable[[str], None]) -> Enriched:
    enriched = lakehouse.ready(ENRICHED_TRANSACTIONS)  # before its sources, which then are no older than it is
    transactions, customers = lakehouse.source(CUSTOMER_TRANSACTIONS), lakehouse.source(CUSTOMERS)
    done = Enriched(version=enriched.version)
    sources = (transactions, customers)
    if all(taken_version(enriched, source) == source.version for source in sources):
        return done
    marks = {source_app_id(source): source.version for source in sources}
    days = _touched(transactions, customers, enriched)
    periods = customer_periods(nw.from_native(customers.scan())).collect().to_native().lazy()
    staged: list[StagedFile] = []
    removed: list[str] = []
    for group in _groups(transactions, sorted(days)):
        progress(f"{enriched.table.name}: enriching {group[0]} to {group[-1]}")
        rows = _enrich(transactions, group, periods)
        done.rows_in += int(transactions.partition_files(group)["num_records"].sum())
        done.rows_out += rows.height
        for day in group:
            new = rows.filter(pl.col("transaction_date") == day)
            if _same(enriched, day, new):
                continue
            done.restated.add(day)
            removed += enriched.partition_files([day])["path"].to_list() if enriched.files.height else []
            if (file := stage_day(enriched, new, day)) is not None:
                staged.append(file)
    restated = sorted(str(day) for day in done.restated)
    notes = {RESTATED: restated, **source_commits(*map(SourceVersion.of, sources))}
    done.version = enriched.commit(staged, remove=removed, transactions=marks, metadata=notes)
    return done


def _enrich(transactions: Snapshot, days: list[date], periods: pl.LazyFrame) -> pl.DataFrame:
    rows = enrich(nw.from_native(transactions.scan(partitions=days)), nw.from_native(periods))
    return conform(rows.to_native(), ENRICHED_TRANSACTIONS).collect(engine="streaming")


def _same(enriched: Snapshot, day: date, new: pl.DataFrame) -> bool:
    key = list(enriched.table.key)
    return enriched.scan(partitions=[day]).collect().sort(key).equals(new.sort(key))


def _touched(transactions: Snapshot, customers: Snapshot, enriched: Snapshot) -> set[date]:
    """The days that may change; all of them where the logs do not tell."""
    every = {day for one in (transactions, enriched) for day in one.partitions if day is not None}
    seen, seen_customers = taken_version(enriched, transactions), taken_version(enriched, customers)
    if seen is None or seen_customers is None or seen > transactions.version or seen_customers > customers.version:
        return every
    days = restated_since(transactions, seen)
    if seen_customers < customers.version:
        try:
            before = customers.lakehouse.open(customers.table, version=seen_customers)
            changes = changed_periods(nw.from_native(before.scan()), nw.from_native(customers.scan()))
            affected = affected_days(nw.from_native(transactions.scan()), changes)
            days |= set(affected.to_native().collect(engine="streaming")["transaction_date"])
        except (UnreadableTableError, FileNotFoundError):
            return every  # the old version was vacuumed away
    return days


def _groups(transactions: Snapshot, days: list[date]) -> Iterator[list[date]]:
    """The days in groups of about ROWS_AT_ONCE rows."""
    group: list[date] = []
    rows = 0
    for day in days:
        group.append(day)
        rows += int(transactions.partition_files([day])["num_records"].sum()) if transactions.files.height else 0
        if rows >= ROWS_AT_ONCE:
            yield group
            group, rows = [], 0
    if group:
        yield group

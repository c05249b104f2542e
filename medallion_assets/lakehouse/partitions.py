"""Replacing whole partitions: what Gold and enrichment do.

Belongs here: staging days, and putting them in the place of what the table holds.
Does not: which days, or what is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from medallion_assets.errors import CommitConflictError
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import Lakehouse, Snapshot, StagedFile
from medallion_assets.lakehouse.schema import polars_schema

COMMIT_ATTEMPTS = 8


def conform(rows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """The columns of the contract, in its order and types: evens out what engines type differently."""
    return rows.select(pl.col(name).cast(kind) for name, kind in polars_schema(table).items())


def stage_day(snapshot: Snapshot, rows: pl.DataFrame, day: date) -> StagedFile | None:
    """Write one day's rows, in the order of the key; None when the day is empty."""
    if not rows.height:
        return None
    return snapshot.stage(rows.sort(list(snapshot.table.key)).lazy(), partition=day)


def replace_days(
    lakehouse: Lakehouse,
    table: Table,
    days: Iterable[date],
    staged: Iterable[StagedFile],
    *,
    notes: Mapping[str, object] | None = None,
) -> int:
    """Put staged files in the place of everything that some days hold, in one commit; give its version.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    days, staged = list(days), list(staged)
    for attempt in range(COMMIT_ATTEMPTS):
        snapshot = lakehouse.open(table)
        removed = snapshot.partition_files(days)["path"].to_list() if snapshot.files.height else []
        try:
            return snapshot.commit(staged, remove=removed, metadata=notes)
        except CommitConflictError:
            if attempt == COMMIT_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable: the last attempt returned or raised")

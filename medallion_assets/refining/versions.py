"""Versions: of a partition that comes as a whole, again and again, the one that was written last counts (rule E6).

Belongs here: which versions Bronze holds or held, and refusing one that is older.
Does not: replacing one by another (refining.bronze, refining.replace).
"""

from __future__ import annotations

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.source import BatchRefusedError
from medallion_assets.delta.commit_notes import commit_note, commits_since
from medallion_assets.delta.table import Snapshot

SUPERSEDED_NOTE = "medallion_superseded_exports"
"""The commit note that lists the exports whose lines a later version of their partition replaced."""
SUPERSEDED = "superseded"
"""The verdict on a version of a partition that is older than the one that is in."""


def expect_latest(bronze: Snapshot, batch: Batch) -> None:
    """Refuse a batch that is a partition of which a later version is in.

    Raises:
        BatchRefusedError: it is.
    """
    for row in other_versions(bronze, batch).iter_rows(named=True):
        if (row["min._export_to_at"], row["min._export_id"]) > batch.order:
            raise BatchRefusedError(
                SUPERSEDED,
                f"{bronze.table.name}: {batch.id} is an older version of {batch.partition}",
                expected=f"one that was written after {row['min._export_id']}, which is in",
                found=f"one of {batch.covers_to.isoformat()}",
                do="nothing, or move it away; to go back to it, write it again: the version written last counts",
            )


def other_versions(bronze: Snapshot, batch: Batch) -> pl.DataFrame:
    """The rows of `Snapshot.files` that hold another version of a batch's partition; none if it is no partition."""
    if batch.partition is None or not bronze.files.height:
        return bronze.files.clear()
    is_partition = pl.col("min._export_type") == batch.kind.value
    is_same = is_partition & (pl.col("min._export_from_at") == batch.covers_from)
    return bronze.files.filter(is_same & (pl.col("min._export_id") != batch.id))


def superseded_exports(bronze: Snapshot) -> set[str]:
    """The ids of exports whose lines gave way to a later version of their partition."""
    commits = commits_since(bronze, -1)
    return {export_id for commit in commits for export_id in commit_note(commit, SUPERSEDED_NOTE) or []}

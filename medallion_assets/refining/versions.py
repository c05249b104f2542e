"""Versions: of a partition that comes as a whole, again and again, the one that was written last counts (rule E6).

Belongs here: which versions Bronze holds or held, which of them count, refusing one that is older, and dropping it.
Does not: replacing the rows of one by those of another.

Bronze keeps the version that Silver has published until a later one is published: whatever becomes of the later one, at
the gate or by a person's word, the published rows can be made again. Versions between the two count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import EXPORT_FROM_AT, EXPORT_TO_AT, EXPORT_TYPE, LOWEST_BATCH_ID
from medallion_assets.contracts.source import BatchRefusedError
from medallion_assets.contracts.table import Table
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.notes.commit_notes import every_noted
from medallion_assets.delta.table import Lakehouse, Snapshot

SUPERSEDED_NOTE = "medallion_superseded_exports"
"""The commit note that lists the batches whose lines a later version of their partition replaced."""
SUPERSEDED = "superseded"
"""The verdict on a version of a partition that is older than the one that is in."""


def versions_that_count(batches: Sequence[Batch], is_published: Callable[[str], bool]) -> list[Batch]:
    """Of batches in the order of judging those that count: of a partition the last, and the last that is published."""
    latest = {batch.partition: batch.id for batch in batches}
    published = _published(batches, is_published)
    return [
        batch
        for batch in batches
        if batch.partition is None or batch.id == latest[batch.partition] or batch is published.get(batch.partition)
    ]


def outlived_versions(batches: Sequence[Batch], is_published: Callable[[str], bool]) -> list[Batch]:
    """Those of some batches that are older than a version of their partition that is published."""
    published = _published(batches, is_published)
    return [batch for batch in batches if batch.order < published.get(batch.partition, batch).order]


def drop_versions(lakehouse: Lakehouse, bronze: Table, batches: Collection[Batch]) -> None:
    """Take the lines of some batches out of Bronze, in a commit that names them; none when they are out.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    ids = sorted(batch.id for batch in batches)

    def drop() -> None:
        snapshot = lakehouse.open(bronze)
        files = snapshot.files.filter(pl.col(LOWEST_BATCH_ID).is_in(ids)) if snapshot.files.height else snapshot.files
        if files.height:
            gone = sorted(set(files[LOWEST_BATCH_ID]))
            snapshot.commit(remove=files["path"].to_list(), metadata={SUPERSEDED_NOTE: gone})

    if ids:
        until_committed(drop)


def _published(batches: Sequence[Batch], is_published: Callable[[str], bool]) -> dict[date | None, Batch]:
    return {batch.partition: batch for batch in batches if batch.partition is not None and is_published(batch.id)}


def expect_latest(bronze: Snapshot, batch: Batch) -> None:
    """Refuse a batch that is a partition of which a later version is in.

    Raises:
        BatchRefusedError: it is.
    """
    for row in other_versions(bronze, batch).iter_rows(named=True):
        if (row[f"min.{EXPORT_TO_AT}"], row[LOWEST_BATCH_ID]) > batch.order:
            raise BatchRefusedError(
                SUPERSEDED,
                f"{batch.id} is an older version of {batch.partition}",
                where=bronze.table.name,
                expected=f"one that was written after {row[LOWEST_BATCH_ID]}, which is in",
                found=f"one of {batch.covers_to.isoformat()}",
                do="nothing, or move it away; to go back to it, write it again: the version written last counts",
            )


def other_versions(bronze: Snapshot, batch: Batch) -> pl.DataFrame:
    """The rows of `Snapshot.files` that hold another version of a batch's partition; none if it is no partition."""
    if batch.partition is None or not bronze.files.height:
        return bronze.files.clear()
    is_partition = pl.col(f"min.{EXPORT_TYPE}") == batch.kind.value
    is_same = is_partition & (pl.col(f"min.{EXPORT_FROM_AT}") == batch.covers_from)
    return bronze.files.filter(is_same & (pl.col(LOWEST_BATCH_ID) != batch.id))


def superseded_batches(bronze: Snapshot) -> set[str]:
    """The ids of batches whose lines gave way to a later version of their partition."""
    return every_noted(bronze, SUPERSEDED_NOTE)

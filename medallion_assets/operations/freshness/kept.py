"""Kept: what the monitor wrote last of stages whose last success lies further back than anybody reads attempts.

Belongs here: reading it.
Does not: writing it, or how far attempts are read.
"""

from __future__ import annotations

from collections.abc import Collection

from medallion_assets.delta.row_tables.rows import rows_of
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.monitoring import PIPELINE_CHECKPOINT, Checkpoint
from medallion_assets.operations.tables.refused import find_readable


def kept_checkpoints(lakehouse: Lakehouse, stages: Collection[str]) -> dict[str, Checkpoint]:
    """By stage how far each had come that ever succeeded; nothing where nobody wrote it, or it cannot be opened.

    `stages` are names of tables.
    """
    snapshot = find_readable(lakehouse, PIPELINE_CHECKPOINT) if stages else None
    rows = [] if snapshot is None else rows_of(PIPELINE_CHECKPOINT, snapshot.scan().collect())
    return {row.stage: row for row in rows if row.stage in stages and row.last_success is not None}

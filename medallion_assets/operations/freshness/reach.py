"""Reach: whether business days and months are complete, as far as data reach.

Belongs here: a day or month against how far a table reaches.
Does not: how far it reaches, or whether that is far enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from medallion_assets.operations.tables.monitoring import Checkpoint

Reaches = Mapping[str, datetime | None]
"""By `layer.table`: no write before this moment is missing; None where nothing is covered, or nobody says it."""


def reaches(checkpoints: Iterable[Checkpoint]) -> Reaches:
    """How far each stage's table reaches."""
    return {checkpoint.stage: checkpoint.covered_until for checkpoint in checkpoints}


def is_provisional(end: datetime, covered_until: datetime | None) -> bool | None:
    """Whether writes of a day or month that ends at `end` may be missing; None where nobody says how far data reach."""
    return None if covered_until is None else covered_until < end

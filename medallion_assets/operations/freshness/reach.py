"""Reach: which business days and months are complete, as far as data reach.

Belongs here: a day or month against how far a table reaches.
Does not: how far it reaches, or whether that is far enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.operations.tables.monitoring import Checkpoint

Reaches = Mapping[str, datetime | None]
"""By `layer.table`: no write before this moment is missing; None where nothing is covered, or nobody says it."""


def reaches(checkpoints: Iterable[Checkpoint]) -> Reaches:
    """How far each stage's table reaches."""
    return {checkpoint.stage: checkpoint.covered_until for checkpoint in checkpoints}


def last_complete_day(covered_until: datetime) -> date:
    """The last business day whose end is covered."""
    return covered_until.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)).date() - timedelta(days=1)


def is_provisional(end: datetime, covered_until: datetime | None) -> bool | None:
    """Whether writes of a day or month that ends at `end` may be missing; None where nobody says how far data reach."""
    return None if covered_until is None else covered_until < end

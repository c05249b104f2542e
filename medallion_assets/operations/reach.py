"""Reach: how far the data of each table go, and which days are complete.

Belongs here: a table's moment as the least of those that it is made from; a day as provisional or complete.
Does not: the moments of what is loaded (checkpoint.py), or judging a table by its age (freshness.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.operations.monitoring import Checkpoint
from medallion_assets.operations.sources import EXPORTS
from medallion_assets.operations.stages import stages

Reaches = Mapping[str, datetime | None]
"""By `layer.table`: no write before this moment is missing; None where nothing says so."""


def reaches(catalog: Catalog, checkpoints: Iterable[Checkpoint]) -> Reaches:
    """How far every stage's table reaches: what is loaded by its windows, all else by the least of its sources."""
    loaded = {checkpoint.stage: checkpoint.covered_until for checkpoint in checkpoints}
    exported = {table for load in catalog.loaded if load.source.technology == EXPORTS for table in (load.table.name,)}
    found: dict[str, datetime | None] = {}
    for stage in stages(catalog):
        name = stage.table.name
        if stage.kind in ("bronze", "judged"):
            found[name] = loaded.get(name) if f"silver.{stage.table.short_name}" in exported else None
        else:
            known = [found.get(source.name) for source in stage.sources]
            found[name] = None if None in known else min(filter(None, known), default=None)
    return found


def last_complete_day(covered_until: datetime) -> date:
    """The last business day whose end data reach that cover everything until a moment."""
    return covered_until.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)).date() - timedelta(days=1)


def is_provisional(day: date, covered_until: datetime | None) -> bool | None:
    """Whether writes of a business day may be missing; None where nothing says how far data reach."""
    return None if covered_until is None else day > last_complete_day(covered_until)

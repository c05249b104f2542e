"""Coverage: which windows of incremental exports join up, and where something is missing between them.

Belongs here: the gaps in a set of exports, for people who look at a folder of exports (rules C1 and C2).
Does not: what is loaded or waits; Silver decides that from its own log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from medallion_assets.contracts.full_export_time import UnprotectedMinute, decides_at, unprotected_minute
from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType


@dataclass(frozen=True, slots=True)
class Gap:
    """No export covers [from_at, to_at). `from_at` is None where no full export starts the chain."""

    from_at: datetime | None
    to_at: datetime


def open_gaps(exports: Iterable[Export]) -> dict[str, Gap]:
    """The gap right before an export, by export id, of complete exports of any tables.

    Each gap is named once, at the first window behind it. A full export that is sure of a gap's end closes it (C2).
    """
    return {export_id: gap for chain in _by_table(exports) for export_id, gap in _gaps_of_table(chain).items()}


def unprotected_minutes(exports: Iterable[Export]) -> dict[str, UnprotectedMinute]:
    """The minute right before a window, by export id, that the full export it joins is not sure of (rule C1)."""
    found = [
        unprotected_minute(
            [export for export in chain if _is_full(export)], [export for export in chain if not _is_full(export)]
        )
        for chain in _by_table(exports)
    ]
    return {minute.export_id: minute for minute in found if minute is not None}


def _by_table(exports: Iterable[Export]) -> Iterable[list[Export]]:
    """The exports of each table: its ARN and its id, for a table made anew begins a new chain (rule B3)."""
    by_table: dict[tuple[str, str], list[Export]] = {}
    for export in exports:
        by_table.setdefault((export.table_arn, export.table_id), []).append(export)
    return by_table.values()


def _gaps_of_table(exports: list[Export]) -> dict[str, Gap]:
    fulls = [_begins_at(export) for export in exports if _is_full(export)]
    gaps: dict[str, Gap] = {}
    covered_until: datetime | None = None
    joins_until: datetime | None = None
    # By the window's start, not by its end as exports are judged (rule C3): a gap is where no window at all reaches.
    for export in sorted(exports, key=lambda export: (_begins_at(export), export.to_at, export.export_id)):
        joins = _is_full(export) or (joins_until is not None and export.from_at <= joins_until)
        closed = any(full >= export.from_at for full in fulls)
        if not joins and not closed:
            gaps[export.export_id] = Gap(covered_until, export.from_at)
        covers_until = _begins_at(export) if _is_full(export) else export.to_at
        covered_until = max(covered_until or covers_until, covers_until)
        joins_until = max(joins_until or export.to_at, export.to_at)
    return gaps


def _is_full(export: Export) -> bool:
    return export.export_type is ExportType.FULL


def _begins_at(export: Export) -> datetime:
    """The moment from which on windows have to follow a full export; a window's own beginning."""
    return decides_at(export.to_at) if _is_full(export) else export.from_at

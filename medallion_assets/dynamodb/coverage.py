"""Coverage: which windows of incremental exports join up, and where something is missing between them.

Belongs here: the gaps in a set of exports, for people who look at a folder of exports (rules C1 and C2).
Does not: what is loaded or waits; Silver decides that from its own log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from medallion_assets.dynamodb.manifests import Export, ExportType


@dataclass(frozen=True, slots=True)
class Gap:
    """No export covers [from_at, to_at). `from_at` is None where no full export starts the chain."""

    from_at: datetime | None
    to_at: datetime


def open_gaps(exports: Iterable[Export]) -> dict[str, Gap]:
    """The gap right before an export, by export id, of complete exports of any tables.

    Each gap is named once, at the first window behind it. A full export at or after a gap's end closes it (rule C2).
    """
    by_table: dict[str, list[Export]] = {}
    for export in exports:
        by_table.setdefault(export.table_name, []).append(export)
    return {export_id: gap for chain in by_table.values() for export_id, gap in _gaps_of_table(chain).items()}


def _gaps_of_table(exports: list[Export]) -> dict[str, Gap]:
    fulls = [export.to_at for export in exports if export.export_type is ExportType.FULL]
    gaps: dict[str, Gap] = {}
    covered_until: datetime | None = None
    # By the window's start, not by its end as exports are judged (rule C3): a gap is where no window at all reaches.
    for export in sorted(exports, key=lambda export: (export.from_at, export.to_at, export.export_id)):
        joins = export.export_type is ExportType.FULL or (covered_until is not None and export.from_at <= covered_until)
        closed = any(full >= export.from_at for full in fulls)
        if not joins and not closed:
            gaps[export.export_id] = Gap(covered_until, export.from_at)
        covered_until = max(covered_until or export.to_at, export.to_at)
    return gaps

"""The chain of exports: what is covered, what may be judged next, and where a gap is (rules C1, C2, C3).

Belongs here: pure decisions about windows.
Does not: reading tables, or the verdict on an export's content (lakehouse.gate).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from medallion_assets.lakehouse.raw_exports import RawExport


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An export that waits, and the time that no export covers: from `covered_until` to `window_from`.

    `covered_until` is None while no chain has begun.
    """

    export_id: str
    covered_until: datetime | None
    window_from: datetime

    def __str__(self) -> str:
        """Name the gap for a person."""
        if self.covered_until is None:
            return f"export {self.export_id} waits: no full export has begun the chain yet"
        return (
            f"export {self.export_id} waits: nothing covers {self.covered_until.isoformat()} to "
            f"{self.window_from.isoformat()}; export that window, or make a full export"
        )


def covered_until(settled: Iterable[RawExport], starts_at: datetime | None) -> datetime | None:
    """The furthest moment that the chain reaches; None before it has begun.

    `settled` leaves out full exports that were rejected: they count as never delivered. Every settled window joined the
    chain when it was settled, so the furthest edge is the answer.
    """
    edges = [export.to_at for export in settled]
    if starts_at is not None:
        edges.append(starts_at)
    return max(edges, default=None)


def next_export(pending: Collection[RawExport], covered: datetime | None) -> RawExport | None:
    """The pending export to judge next: the first in order of those that join the chain; None when all must wait."""
    joined = [export for export in pending if export.is_full or (covered is not None and export.from_at <= covered)]
    return min(joined, key=lambda export: export.order, default=None)


def gaps(pending: Iterable[RawExport], covered: datetime | None) -> list[Gap]:
    """The pending windows that wait for one that is missing, in order of judging.

    One that only waits for pending exports to be judged, such as an export at the gate, has no gap before it.
    """
    waiting = list(pending)
    while (export := next_export(waiting, covered)) is not None:
        waiting.remove(export)
        covered = export.to_at if covered is None else max(covered, export.to_at)
    return [
        Gap(export_id=export.export_id, covered_until=covered, window_from=export.from_at)
        for export in sorted(waiting, key=lambda export: export.order)
    ]

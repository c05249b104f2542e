"""The chain of exports: what is covered, what may be judged next, and where a gap is (rules C1, C2, C3).

Belongs here: pure decisions about windows.
Does not: reading tables, or the verdict on an export's content (refining.judging.gate).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from medallion_assets.contracts.batch import Batch
from medallion_assets.refining.ledger.origins import Origins


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


@dataclass(frozen=True, slots=True, kw_only=True)
class UnprotectedMinute:
    """A window that joined a full export although no window covers `covered_until` to `window_from` between them.

    `full_export_id` is the full export, `export_id` the window.
    """

    full_export_id: str
    export_id: str
    covered_until: datetime
    window_from: datetime

    def __str__(self) -> str:
        """Name it for a person."""
        return (
            f"full export {self.full_export_id} certainly contains what was written by "
            f"{self.covered_until.isoformat()}, and "
            f"the window of export {self.export_id} begins at {self.window_from.isoformat()}: writes between the two "
            "may be in neither; export a window that covers them, or make a full export"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a chain goes (rule C1); both None before it has begun.

    Every write until `covered_until` is in it. A window that begins by `joins_until` belongs to it: after a full export
    this is the export's time, a minute more than it covers.
    """

    covered_until: datetime | None
    joins_until: datetime | None

    def joined_by(self, export: Batch) -> bool:
        """Whether an export belongs to the chain; one that is a partition waits for no other."""
        return (
            export.is_full
            or export.partition is not None
            or (self.joins_until is not None and export.covers_from <= self.joins_until)
        )

    def after(self, export: Batch) -> Reach:
        """How far the chain goes with one more export that joins it."""
        return Reach(
            covered_until=max(self.covered_until or export.covers_until, export.covers_until),
            joins_until=max(self.joins_until or export.covers_to, export.covers_to),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaches:
    """How far the chains of all origins go, the first table's first (rule B3).

    The chain of a table that was made anew begins with a full export of its own. What is covered by a later table is
    covered for those before it: their records of that time do not count.
    """

    by_origin: tuple[Reach, ...]
    origins: Origins

    @property
    def covered_until(self) -> datetime | None:
        """How far the newest chain goes that has begun."""
        return next(
            (reach.covered_until for reach in reversed(self.by_origin) if reach.covered_until is not None), None
        )

    def of(self, export: Batch) -> Reach:
        """The chain that an export has to join."""
        return self.by_origin[self.origins.of(export)]

    def joined_by(self, export: Batch) -> bool:
        """Whether an export belongs to its chain."""
        return self.of(export).joined_by(export)

    def after(self, export: Batch) -> Reaches:
        """How far they go with one more export that joins."""
        number = self.origins.of(export)
        reached = tuple(reach.after(export) if at <= number else reach for at, reach in enumerate(self.by_origin))
        return Reaches(by_origin=reached, origins=self.origins)


def reach(settled: Iterable[Batch], starts_at: datetime | None, origins: Origins | None = None) -> Reaches:
    """How far the chains of the settled exports go; `starts_at` is where that of the first table begins.

    `settled` leaves out full exports that were rejected: they count as never delivered. Every settled window joined its
    chain when it was settled, so the furthest edges are the answer.
    """
    origins = origins or Origins()
    first, nothing = Reach(covered_until=starts_at, joins_until=starts_at), Reach(covered_until=None, joins_until=None)
    found = Reaches(by_origin=(first, *[nothing] * (origins.count - 1)), origins=origins)
    for export in settled:
        found = found.after(export)
    return found


def joined(batches: Iterable[Batch], starts_at: datetime | None, origins: Origins | None = None) -> Reaches:
    """How far the chains go of those batches that join them: what lies behind a gap does not count."""
    fulls, windows = list[Batch](), list[Batch]()
    for batch in batches:
        (fulls if batch.is_full else windows).append(batch)
    found = reach(fulls, starts_at, origins)
    waiting = sorted(windows, key=lambda window: (window.covers_from, window.id))
    for _ in found.by_origin:  # what joins a later table's chain covers those before it
        behind = []
        for window in waiting:
            if found.joined_by(window):
                found = found.after(window)
            else:
                behind.append(window)
        waiting = behind
    return found


def next_export(pending: Collection[Batch], reached: Reaches) -> Batch | None:
    """The pending export to judge next: the first in order of those that join the chain; None when all must wait."""
    return min(filter(reached.joined_by, pending), key=lambda export: export.order, default=None)


def gaps(pending: Iterable[Batch], reached: Reaches) -> list[Gap]:
    """The pending windows that wait for one that is missing, in order of judging.

    One that only waits for pending exports to be judged, such as an export at the gate, has no gap before it.
    """
    waiting = list(pending)
    while (export := next_export(waiting, reached)) is not None:
        waiting.remove(export)
        reached = reached.after(export)
    return [
        Gap(export_id=export.id, covered_until=reached.of(export).covered_until, window_from=export.covers_from)
        for export in sorted(waiting, key=lambda export: export.order)
    ]


def unprotected_minute(
    fulls: Iterable[Batch], windows: Iterable[Batch], starts_at: datetime | None = None
) -> UnprotectedMinute | None:
    """The window that joined the newest full batch within its minute, unless another covers what lies between (C1).

    A full batch decides everything that is older, so only the newest one's minute can be open. Where the contract lets
    a chain begin at a later moment (`starts_at`), that moment counts.
    """
    full = max(fulls, key=lambda batch: batch.order, default=None)
    if full is None:
        return None
    covered = max(full.covers_until, starts_at or full.covers_until)
    for window in sorted(windows, key=lambda window: (window.covers_from, window.id)):
        if covered < window.covers_from <= full.covers_to:
            return UnprotectedMinute(
                full_export_id=full.id,
                export_id=window.id,
                covered_until=covered,
                window_from=window.covers_from,
            )
        covered = max(covered, window.covers_to)
    return None

"""The chain of batches: what is covered, what may be judged next, and where a gap is (rules C1, C2, C3).

Belongs here: pure decisions about windows.
Does not: reading tables, or the verdict on a batch's content.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from medallion_assets.contracts.batch import Batch
from medallion_assets.refining.ledger.origins import Origins


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A batch that waits, and the time that no batch covers: from `covered_until` to `window_from`.

    `covered_until` is None while no chain has begun. `word` is what people call a batch of it.
    """

    batch_id: str
    covered_until: datetime | None
    window_from: datetime
    word: str = "batch"

    def __str__(self) -> str:
        """Name the gap for a person."""
        if self.covered_until is None:
            return f"{self.word} {self.batch_id} waits: no full {self.word} has begun the chain yet"
        return (
            f"{self.word} {self.batch_id} waits: nothing covers {self.covered_until.isoformat()} to "
            f"{self.window_from.isoformat()}; make the {self.word} of that window, or a full one"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnprotectedMinute:
    """A window that joined a full batch although no window covers `covered_until` to `window_from` between them.

    `full_id` is the full batch, `batch_id` the window.
    """

    full_id: str
    batch_id: str
    covered_until: datetime
    window_from: datetime
    word: str = "batch"

    @property
    def what(self) -> str:
        """What is wrong, for a person."""
        return (
            f"full {self.word} {self.full_id} certainly contains what was written by "
            f"{self.covered_until.isoformat()}, and the window of {self.word} {self.batch_id} begins at "
            f"{self.window_from.isoformat()}: writes between the two may be in neither"
        )

    @property
    def do(self) -> str:
        """Which batch a person has to bring."""
        return f"make the {self.word} of a window that covers them, or a full one"

    def __str__(self) -> str:
        """Both in one sentence."""
        return f"{self.what}; {self.do}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a chain goes (rule C1); both None before it has begun.

    Every write until `covered_until` is in it. A window that begins by `joins_until` belongs to it: after a full batch
    this is the batch's time, a minute more than it covers.
    """

    covered_until: datetime | None
    joins_until: datetime | None

    def joined_by(self, batch: Batch) -> bool:
        """Whether a batch belongs to the chain; one that is a partition waits for no other."""
        return (
            batch.is_full
            or batch.partition is not None
            or (self.joins_until is not None and batch.covers_from <= self.joins_until)
        )

    def after(self, batch: Batch) -> Reach:
        """How far the chain goes with one more batch that joins it."""
        return Reach(
            covered_until=max(self.covered_until or batch.covers_until, batch.covers_until),
            joins_until=max(self.joins_until or batch.covers_to, batch.covers_to),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaches:
    """How far the chains of all origins go, the first table's first (rule B3).

    The chain of a table that was made anew begins with a full batch of its own. What is covered by a later table is
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

    def of(self, batch: Batch) -> Reach:
        """The chain that a batch has to join."""
        return self.by_origin[self.origins.of(batch)]

    def joined_by(self, batch: Batch) -> bool:
        """Whether a batch belongs to its chain."""
        return self.of(batch).joined_by(batch)

    def after(self, batch: Batch) -> Reaches:
        """How far they go with one more batch that joins."""
        number = self.origins.of(batch)
        reached = tuple(reach.after(batch) if at <= number else reach for at, reach in enumerate(self.by_origin))
        return Reaches(by_origin=reached, origins=self.origins)


def reach(settled: Iterable[Batch], starts_at: datetime | None, origins: Origins | None = None) -> Reaches:
    """How far the chains of the settled batches go; `starts_at` is where that of the first table begins.

    `settled` leaves out full batches that were rejected: they count as never delivered. Every settled window joined its
    chain when it was settled, so the furthest edges are the answer.
    """
    origins = origins or Origins()
    first, nothing = Reach(covered_until=starts_at, joins_until=starts_at), Reach(covered_until=None, joins_until=None)
    found = Reaches(by_origin=(first, *[nothing] * (origins.count - 1)), origins=origins)
    for batch in settled:
        found = found.after(batch)
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


def next_batch(pending: Iterable[Batch], reached: Reaches) -> Batch | None:
    """The first of the pending batches, which are in the order of judging, to join the chain; None: all must wait."""
    return next(filter(reached.joined_by, pending), None)


def gaps(pending: Iterable[Batch], reached: Reaches, word: str = "batch") -> list[Gap]:
    """The pending windows that wait for one that is missing, in order of judging.

    One that only waits for pending batches to be judged, such as a batch at the gate, has no gap before it.
    """
    waiting = sorted(pending, key=lambda batch: batch.order)
    while (batch := next_batch(waiting, reached)) is not None:
        waiting.remove(batch)
        reached = reached.after(batch)
    return [
        Gap(batch_id=batch.id, covered_until=reached.of(batch).covered_until, window_from=batch.covers_from, word=word)
        for batch in waiting
    ]


def unprotected_minute(
    fulls: Iterable[Batch], windows: Iterable[Batch], starts_at: datetime | None = None, word: str = "batch"
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
                full_id=full.id,
                batch_id=window.id,
                covered_until=covered,
                window_from=window.covers_from,
                word=word,
            )
        covered = max(covered, window.covers_to)
    return None

"""Coverage: which windows join up, how far they reach, and where something is missing between them.

Belongs here: the reach of a set of batches (rule V1), and its gaps, for people who look at a folder (C1 and C2).
Does not: what is loaded or waits; Silver decides that from its own log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.contracts.source import Source
from medallion_assets.refining.ledger.chain import UnprotectedMinute, joined, unprotected_minute
from medallion_assets.refining.ledger.origins import Origins


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Nothing covers [from_at, to_at). `from_at` is None where no full batch starts the chain."""

    from_at: datetime | None
    to_at: datetime


def coverage_of(
    source: Source, batches: Sequence[Batch], starts_at: datetime | None, origins: Origins | None = None
) -> Coverage:
    """How far some batches reach, as their source declares it (rule V1); what lies behind a gap does not count.

    `starts_at` is where a chain begins without a full batch. Full batches that were rejected are no batches.
    """
    declared = source.covered(batches)
    if batches and not declared:
        return UNKNOWN
    begins_at = starts_at if declared else None
    return Coverage(joined(declared, begins_at, origins).covered_until)


def open_gaps(batches: Iterable[Batch]) -> dict[str, Uncovered]:
    """The gap right before a batch, by its id, of complete batches of any tables.

    Each gap is named once, at the first window behind it. A full batch that is sure of a gap's end closes it (C2).
    """
    return {batch_id: gap for chain in _by_table(batches) for batch_id, gap in _gaps_of_table(chain).items()}


def unprotected_minutes(batches: Iterable[Batch], word: str = "batch") -> dict[str, UnprotectedMinute]:
    """The minute right before a window, by batch id, that the full batch it joins is not sure of (rule C1).

    `word` is what people call a batch.
    """
    found = [
        unprotected_minute(
            [batch for batch in chain if batch.is_full], [batch for batch in chain if not batch.is_full], word=word
        )
        for chain in _by_table(batches)
    ]
    return {minute.batch_id: minute for minute in found if minute is not None}


def _by_table(batches: Iterable[Batch]) -> Iterable[list[Batch]]:
    """The batches of each table: its owner and its origin, for a table made anew begins a new chain (rule B3)."""
    by_table: dict[tuple[str | None, str | None], list[Batch]] = {}
    for batch in batches:
        by_table.setdefault((batch.owner, batch.origin), []).append(batch)
    return by_table.values()


def _gaps_of_table(batches: list[Batch]) -> dict[str, Uncovered]:
    fulls = [batch.covers_until for batch in batches if batch.is_full]
    gaps: dict[str, Uncovered] = {}
    covered_until: datetime | None = None
    joins_until: datetime | None = None
    # By the window's start, not by its end as batches are judged (rule C3): a gap is where no window at all reaches.
    for batch in sorted(batches, key=lambda batch: (_begins_at(batch), batch.covers_to, batch.id)):
        joins = batch.is_full or (joins_until is not None and batch.covers_from <= joins_until)
        closed = any(full >= batch.covers_from for full in fulls)
        if not joins and not closed:
            gaps[batch.id] = Uncovered(covered_until, batch.covers_from)
        covered_until = max(covered_until or batch.covers_until, batch.covers_until)
        joins_until = max(joins_until or batch.covers_to, batch.covers_to)
    return gaps


def _begins_at(batch: Batch) -> datetime:
    """The moment from which on windows have to follow a full batch; a window's own beginning."""
    return batch.covers_until if batch.is_full else batch.covers_from

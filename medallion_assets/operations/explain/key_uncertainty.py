"""What the batches do not say of a key, although they are complete (rules K1 and C1).

Belongs here: the cases, each in words that name its moments.
Does not: what the batches do say.

A full batch read an item at some moment from S, as of which it decides, until two minutes later. A window holds no
record of an item that is written and deleted within it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.moments import moment
from medallion_assets.operations.explain.key_verdicts import Fate, KeyRecord, Kind
from medallion_assets.refining.ledger.ledger import Ledger


def unknown(records: Sequence[KeyRecord], ledger: Ledger) -> list[str]:
    """What is not known of the key's present state. `records` are all of them, the winning one first."""
    counted = [record for record in records if record.verdict in (Fate.SUPERSEDED, Fate.DECIDED)]
    applied = ledger.applied
    found, word = list[str](), ledger.word
    if counted and counted[0].kind is Kind.UPSERT:
        told_by = {record.export_id for record in records}
        windows = [batch for batch in applied if not batch.is_full and batch.id not in told_by]
        if counted[0].export_type == BatchKind.FULL:
            full = next(batch for batch in applied if batch.id == counted[0].export_id)
            read_by = {batch.id: batch.read_by for batch in applied if batch.is_full}
            found += [
                _born_and_gone(full, window, word)
                for window in windows
                if _may_hide_its_end(window, full, counted, read_by)
            ]
        else:
            at = _written_at(counted[0])
            found += [
                _overlapped(counted[0], window, word)
                for window in windows
                if window.covers_from <= at < window.covers_to
            ]
    minute = ledger.unprotected_minute
    if minute is not None and not any(_written_at(record) >= minute.window_from for record in counted):
        found.append(
            f"whether it was written between {minute.covered_until.isoformat()} and {minute.window_from.isoformat()}: "
            f"{minute}"
        )
    return found


def _may_hide_its_end(
    window: Batch, full: Batch, counted: Sequence[KeyRecord], read_by: Mapping[str, datetime]
) -> bool:
    """K1's open case: an item created within a window, read by the full batch, and deleted within the same window.

    The window has no record of it. Not so where it surely was there before the window began: its end would have left a
    record then.
    """
    before = [record for record in counted if read_by.get(record.export_id, _written_at(record)) < window.covers_from]
    return window.covers_to > full.covers_until and (not before or before[0].kind is not Kind.UPSERT)


def _born_and_gone(full: Batch, window: Batch, word: str) -> str:
    return (
        f"whether it still exists: full {word} {full.id} read it between {full.covers_until.isoformat()} and "
        f"{full.read_by.isoformat()}; had it been written since {window.covers_from.isoformat()} and deleted "
        f"by {window.covers_to.isoformat()}, the window of {word} {window.id} would hold no record of it; the next "
        f"full {word} decides"
    )


def _overlapped(record: KeyRecord, window: Batch, word: str) -> str:
    """An item created where two windows overlap, of which one has no record: it was gone when that one ended."""
    return (
        f"whether it still exists: the window of {word} {window.id} spans {_written_at(record).isoformat()} and "
        f"has no record of it, so it was created and deleted within that window (until "
        f"{window.covers_to.isoformat()}); the next full {word} decides"
    )


def _written_at(record: KeyRecord) -> datetime:
    return moment(record.sequence_micros or 0)

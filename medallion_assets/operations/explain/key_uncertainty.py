"""What the exports cannot tell of a key, although they are complete (rules K1 and C1).

Belongs here: the cases, each in words that name its moments.
Does not: what the exports do tell (operations.explain.key_verdicts, operations.explain.explanation).

A full export read an item at some moment from S, as of which it decides, until two minutes later. A window holds no
record of an item that is written and deleted within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from medallion_assets.contracts.full_export_time import UNCERTAINTY
from medallion_assets.delta.shown_rows import moment
from medallion_assets.operations.explain.key_verdicts import KeyRecord, Kind, Verdict
from medallion_assets.refining.bronze import FULL, RawExport
from medallion_assets.refining.ledger import Settlement


def unknown(records: Sequence[KeyRecord], settlement: Settlement) -> list[str]:
    """What is not known of the key's present state. `records` are all of them, the winning one first."""
    counted = [record for record in records if record.verdict in (Verdict.SUPERSEDED, Verdict.DECIDED)]
    applied = [export for export in settlement.settled if export.export_id not in settlement.rejected]
    found = []
    if counted and counted[0].kind is Kind.UPSERT:
        told_by = {record.export_id for record in records}
        windows = [export for export in applied if not export.is_full and export.export_id not in told_by]
        if counted[0].export_type == FULL:
            full = next(export for export in applied if export.export_id == counted[0].export_id)
            found += [_born_and_gone(full, window) for window in windows if _may_hide_its_end(window, full, counted)]
        else:
            at = _written_at(counted[0])
            found += [_overlapped(counted[0], window) for window in windows if window.from_at <= at < window.to_at]
    minute = settlement.unprotected_minute
    if minute is not None and not any(_written_at(record) >= minute.window_from for record in counted):
        found.append(
            f"whether it was written between {minute.covered_until.isoformat()} and {minute.window_from.isoformat()}: "
            f"{minute}"
        )
    return found


def _may_hide_its_end(window: RawExport, full: RawExport, counted: Sequence[KeyRecord]) -> bool:
    """K1's open case: an item born within a window, read by the full export, and deleted within the same window.

    The window has no record of it. Not so where it surely was there before the window began: its end would have left a
    record then.
    """
    before = [record for record in counted if _known_by(record) < window.from_at]
    return window.to_at > full.covers_until and (not before or before[0].kind is not Kind.UPSERT)


def _born_and_gone(full: RawExport, window: RawExport) -> str:
    return (
        f"whether it still exists: full export {full.export_id} read it between {full.covers_until.isoformat()} and "
        f"{(full.to_at + UNCERTAINTY).isoformat()}; had it been written since {window.from_at.isoformat()} and deleted "
        f"by {window.to_at.isoformat()}, the window of export {window.export_id} would hold no record of it; the next "
        "full export decides"
    )


def _overlapped(record: KeyRecord, window: RawExport) -> str:
    """An item born where two windows overlap, of which one has no record: it was gone when that one ended."""
    return (
        f"whether it still exists: the window of export {window.export_id} spans {_written_at(record).isoformat()} and "
        f"has no record of it, so it was born and deleted within that window (until {window.to_at.isoformat()}); the "
        "next full export decides"
    )


def _written_at(record: KeyRecord) -> datetime:
    return moment(record.sequence_micros or 0)


def _known_by(record: KeyRecord) -> datetime:
    """The moment by which what the record tells surely was so."""
    uncertain = 2 * UNCERTAINTY // timedelta(microseconds=1) if record.export_type == FULL else 0
    return moment((record.sequence_micros or 0) + uncertain)

"""The events of a key and its state (rules K1 to K4, R3).

Belongs here: which event wins, and what full exports say by leaving a key out.
Does not: which exports count (refining/ledger/chain.py), or the versions of a customer (history.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from medallion_assets_tests.oracle.decode import FIELDS, KEYS, Row
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.oracle.records import read_once


@dataclass(frozen=True)
class Event:
    """What one export says of one key at one moment. `row` is None for a delete and for a full export's absence."""

    key: str
    sequence: int
    is_full: bool
    export_id: str
    row: Row | None

    @property
    def is_absence(self) -> bool:
        """Whether a full export says it by leaving the key out."""
        return self.is_full and self.row is None


def _recorded(export: ExportInput) -> list[Event]:
    """The export's valid upserts and deletes; bad records say nothing (rule R4)."""
    return [
        Event(record.key, record.sequence, export.is_full, export.export_id, record.row)
        for record in read_once(export)
        if record.is_good and record.key is not None and record.sequence is not None
    ]


def ends(applied: Sequence[ExportInput]) -> dict[int, float]:
    """By generation, the last sequence that counts of it: S of the full export with which a later one begins (B3)."""
    begins: dict[int, int] = {}
    for export in applied:
        if export.is_full:
            at = micros(export.holds_all_until)
            begins[export.generation] = min(at, begins.get(export.generation, at))
    return {
        generation: min((at for later, at in begins.items() if later > generation), default=inf)
        for generation in {export.generation for export in applied}
    }


def _absences(export: ExportInput, earliest: dict[str, float]) -> list[Event]:
    """Every key older than S that a full export lacks is deleted at S; a bad item is not an absence (rule K1)."""
    present = {record.key for record in read_once(export)}
    at = micros(export.holds_all_until)
    return [
        Event(key, at, True, export.export_id, None)
        for key, sequence in earliest.items()
        if sequence < at and key not in present
    ]


def events(applied: Sequence[ExportInput]) -> dict[str, list[Event]]:
    """By key, the event that counts at every sequence, ascending (rules K2, R3).

    At an equal sequence a window's record wins over a full export's, and any record over an absence, which is none;
    then the lowest export id. What a former table says of later than its successor's beginning is no event (rule B3);
    but the key was in the former table, so it is absent from the successor's full exports.
    """
    last = ends(applied)
    found: list[Event] = []
    earliest: dict[str, float] = {}
    for export in applied:
        end = last[export.generation]
        for event in _recorded(export):
            known = event.sequence if event.sequence <= end else end - 1
            earliest[event.key] = min(known, earliest.get(event.key, known))
            found += [event] if event.sequence <= end else []
    for export in applied:
        if export.is_full and micros(export.holds_all_until) <= last[export.generation]:
            found.extend(_absences(export, earliest))
    found.sort(key=lambda event: (event.key, event.sequence, event.is_full, event.is_absence, event.export_id))
    timeline: dict[str, list[Event]] = {}
    for event in found:
        winners = timeline.setdefault(event.key, [])
        if not winners or winners[-1].sequence != event.sequence:
            winners.append(event)
    return timeline


def transactions(applied: Sequence[ExportInput]) -> list[Row]:
    """`silver/customer_transactions`: one row a key, tombstones among them, by key (rules K2, K3)."""
    columns = [field.name for field in FIELDS[TRANSACTIONS]] + ["transaction_date"]
    rows = []
    for key, winners in sorted(events(applied).items()):
        last = winners[-1]
        business = last.row or {KEYS[TRANSACTIONS]: key}
        rows.append(
            {
                **{column: business.get(column) for column in columns},
                "is_deleted": last.row is None,
                "_sequence_micros": last.sequence,
                "_export_id": last.export_id,
            }
        )
    return rows

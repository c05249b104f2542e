"""The verdict on each record of a key, by itself and in the contest with the others (rules R3, K1, K2, H1, C4).

Belongs here: what a record is called, and what became of it.
Does not: finding records, or comparing with what Silver holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import polars as pl

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.columns import (
    BATCH_ID,
    EXPORT_TYPE,
    IS_DELETE,
    IS_DELETED,
    LINE_NUMBER,
    RAW,
    REASONS,
    REDRIVEN_AT,
    SEQUENCE,
    SOURCE_FILE,
    VALID_FROM,
    VALID_TO,
)
from medallion_assets.contracts.record_order import RecordOrder
from medallion_assets.delta.shown_rows import moment_text
from medallion_assets.refining.ledger.ledger import Ledger


class Kind(StrEnum):
    """What a record says of the key (rule R2)."""

    UPSERT = "upsert"
    DELETE = "delete"
    ABSENT = "absent from full export"
    UNREADABLE = "unreadable"


class Fate(StrEnum):
    """What became of a record."""

    DECIDED = "decided the row"
    SUPERSEDED = "superseded"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    WAITING = "waits for a gap"
    NOT_SETTLED = "not settled"
    REJECTED = "rejected"
    UNACCOUNTED = "unaccounted"


WINNERS = {
    Kind.UPSERT: "an upsert of export",
    Kind.DELETE: "a delete of export",
    Kind.ABSENT: "the key's absence from full export",
}
"""How the record that decided is called, before the id of its export."""


@dataclass(frozen=True, kw_only=True)
class KeyRecord:
    """One record of the key, or its absence from a full batch (then without file and line).

    `sequence_micros` orders records (rule R1); null where the record has none. `redriven_at` says that the record lay
    in quarantine before it counted.
    """

    export_id: str
    export_type: str
    source_file: str | None
    line_number: int | None
    sequence_micros: int | None
    kind: Kind
    verdict: Fate
    detail: str = ""
    redriven_at: datetime | None = None
    raw: str | None = None


def with_fates(found: pl.DataFrame, ledger: Ledger) -> list[KeyRecord]:
    """Each record with its own fate; those that count are SUPERSEDED until the contest between them is decided."""
    gaps, ends = {gap.batch_id: gap for gap in ledger.gaps}, ledger.ends
    first: dict[tuple[str, str], str] = {}
    records = []
    for row in found.iter_rows(named=True):
        batch_id, decision = row[BATCH_ID], ledger.decisions.get(row[BATCH_ID])
        said = f"{decision.action} by {decision.decided_by}: {decision.reason}" if decision else "not decided yet"
        place = f"{row[SOURCE_FILE]}:{row[LINE_NUMBER]}"
        twin = first.setdefault((batch_id, ledger.loaded.source.canonical(row[RAW])), place)
        detail = ""
        if batch_id in ledger.rejected:
            verdict, detail = Fate.REJECTED, said if decision else "by whom and why is lost"
        elif batch_id in gaps:
            verdict, detail = Fate.WAITING, str(gaps[batch_id])
        elif batch_id in ledger.pending_ids:
            verdict, detail = Fate.NOT_SETTLED, f"Silver has not taken it yet, or it is held at the gate; {said}"
        elif row["reasons"] is not None and row[REDRIVEN_AT] is None:
            verdict, detail = Fate.QUARANTINED, ", ".join(row["reasons"])
        elif twin != place:
            verdict, detail = Fate.DUPLICATE, f"the same record as {twin}"
        elif (row[SEQUENCE] or 0) > ends.get(batch_id, row[SEQUENCE] or 0):
            verdict, detail = Fate.REJECTED, "of the table before: written after the new table's full export (B3)"
        elif not row["_key_is_read"]:
            verdict, detail = Fate.UNACCOUNTED, "unreadable, and not in quarantine: run `medallion verify`"
        else:
            verdict, detail = Fate.SUPERSEDED, _stricter(row[REASONS])
        records.append(_record(row, verdict, detail))
    return records


def _stricter(reasons: list[str]) -> str:
    return f"good when it was judged; the current contract says {', '.join(reasons)}" if reasons else ""


def _record(row: Mapping[str, Any], verdict: Fate, detail: str) -> KeyRecord:
    kind = Kind.DELETE if row[IS_DELETE] else Kind.UPSERT
    return KeyRecord(
        export_id=row[BATCH_ID],
        export_type=row[EXPORT_TYPE],
        source_file=row[SOURCE_FILE],
        line_number=row[LINE_NUMBER],
        sequence_micros=row[SEQUENCE],
        kind=kind if row["_key_is_read"] else Kind.UNREADABLE,
        verdict=verdict,
        detail=detail,
        redriven_at=row[REDRIVEN_AT],
        raw=row[RAW],
    )


def absences(fulls: Sequence[Batch], events: pl.DataFrame, present: pl.Series) -> list[KeyRecord]:
    """Rule K1: full batches that lack the key, present or bad, and are newer than its first valid record."""
    since = events[SEQUENCE].min()
    return [
        KeyRecord(
            export_id=full.id,
            export_type=BatchKind.FULL,
            source_file=None,
            line_number=None,
            sequence_micros=full.decides_at,
            kind=Kind.ABSENT,
            verdict=Fate.SUPERSEDED,
        )
        for full in fulls
        if full.id not in present and isinstance(since, int) and full.decides_at > since
    ]


def in_order(records: Iterable[KeyRecord], order: RecordOrder) -> list[KeyRecord]:
    """In the order of rules R3 and F5, the winner first; what has no sequence comes last."""
    by_position = sorted(records, key=lambda record: (record.source_file or "", record.line_number or 0))
    by_batch = sorted(by_position, key=lambda record: record.export_id, reverse=order.latest_batch_wins)
    return sorted(
        by_batch,
        key=lambda record: (
            record.sequence_micros is None,
            -(record.sequence_micros or 0),
            record.kind is Kind.ABSENT,
            record.export_type == BatchKind.FULL,
        ),
    )


def with_winner(records: Sequence[KeyRecord]) -> list[KeyRecord]:
    """The first of those that count decided the row (rule K2)."""
    winner = next((record for record in records if record.verdict is Fate.SUPERSEDED), None)
    if winner is None:
        return list(records)
    by = f"by {WINNERS[winner.kind]} {winner.export_id}"
    return [
        replace(record, verdict=Fate.DECIDED)
        if record is winner
        else replace(record, detail=record.detail or by)
        if record.verdict is Fate.SUPERSEDED
        else record
        for record in records
    ]


def with_versions(records: Sequence[KeyRecord], expected: pl.DataFrame) -> list[KeyRecord]:
    """Each that began or ended a version decided it (rule H1)."""
    micros = expected.with_columns(pl.col(VALID_FROM, VALID_TO).dt.timestamp("us"))
    began = {(row[SEQUENCE], row[BATCH_ID]): row for row in micros.iter_rows(named=True)}
    ended = {row[VALID_TO]: row[VALID_FROM] for row in micros.filter(IS_DELETED).iter_rows(named=True)}
    decided = []
    for record in records:
        version = began.get((record.sequence_micros, record.export_id))
        at = record.sequence_micros
        if record.verdict is not Fate.SUPERSEDED:
            decided.append(record)
        elif version is not None and record.kind is Kind.UPSERT:
            until = "now" if version[VALID_TO] is None else moment_text(version[VALID_TO])
            words = f"the version from {moment_text(version[VALID_FROM])} to {until}"
            decided.append(replace(record, verdict=Fate.DECIDED, detail=words))
        elif record.kind is not Kind.UPSERT and at in ended:
            words = f"ended the version from {moment_text(ended.pop(at))}"
            decided.append(replace(record, verdict=Fate.DECIDED, detail=words))
        else:
            decided.append(replace(record, detail=record.detail or "began and ended no version"))
    return decided

"""Records of one export: key, sequence, upsert or delete, duplicates, and the gate's figures (rules R1 to R4, C3).

Belongs here: everything that one export says on its own.
Does not: what several exports say together (refining/ledger/chain.py, refining/merging/merge.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from medallion_assets_tests.oracle.decode import FIELDS, KEYS, BadValueError, Row, decode_field, decode_row
from medallion_assets_tests.oracle.model import WRITE_TIME_SLACK, ExportInput, micros

_SETS = {"SS", "NS", "BS"}
_INTEGER = re.compile(r"\d{1,18}", re.ASCII)
MIN_BAD_RECORDS = 10
LEAST_ROWS = 3


@dataclass(frozen=True)
class Record:
    """One line, read. `key` is None when it cannot be read, `row` is None for a delete, `identity` is its JSON."""

    file: str
    line: int
    key: str | None
    identity: str
    sequence: int | None
    row: Row | None
    reasons: frozenset[str]

    @property
    def is_good(self) -> bool:
        """Whether no rule refuses it (rule R4)."""
        return not self.reasons


@dataclass(frozen=True)
class Verdict:
    """The gate's figures of one export (rule C3), and the columns without a value (rule C8)."""

    records: int
    bad: int
    without_value: frozenset[str] = frozenset()

    @property
    def fails(self) -> bool:
        """Score under 0.98 and at least 10 bad records; an empty export scores 1. Or a column has no value."""
        if self.without_value:
            return True
        return self.bad >= MIN_BAD_RECORDS and 100 * (self.records - self.bad) < 98 * self.records


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _canonical(value: Any) -> Any:
    """The same for equal JSON: members by name, sets by content."""
    if isinstance(value, dict):
        return {
            name: sorted((_canonical(member) for member in inner), key=repr)
            if name in _SETS and isinstance(inner, list)
            else _canonical(inner)
            for name, inner in value.items()
        }
    return [_canonical(member) for member in value] if isinstance(value, list) else value


def _sequence(record: dict[str, Any]) -> int | None:
    """WriteTimestampMicros of an incremental record: typed, or a bare string or integer (rule R1). None: malformed."""
    metadata = record.get("Metadata")
    value = metadata.get("WriteTimestampMicros") if isinstance(metadata, dict) else None
    if isinstance(value, dict):
        value = value.get("N") if list(value) == ["N"] and isinstance(value["N"], str) else None
    if not isinstance(value, (str, int)) or not _INTEGER.fullmatch(str(value)):
        return None
    return int(value)


def _in_window(export: ExportInput, sequence: int) -> bool:
    """Whether something can have been written then, that the export tells of (rule R1); both ends are in."""
    earliest, latest = export.from_at - WRITE_TIME_SLACK, export.to_at + WRITE_TIME_SLACK
    return micros(earliest) <= sequence <= micros(latest)


def _read(export: ExportInput, file: str, line: int, raw: str) -> Record:
    """One line, judged alone."""
    try:
        parsed = json.loads(raw, parse_constant=_refuse)
        identity = json.dumps(_canonical(parsed), sort_keys=True)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        return Record(file, line, None, "", None, None, frozenset({"malformed_json"}))
    holder = parsed.get("Item" if export.is_full else "Keys")
    if not isinstance(holder, dict):
        return Record(file, line, None, identity, None, None, frozenset({"unknown_record"}))
    reasons: set[str] = set()
    key_field = next(field for field in FIELDS[export.table] if field.name == KEYS[export.table])
    key = None
    try:
        key = decode_field(key_field, holder, export.to_at)
    except BadValueError as bad:
        reasons.add(str(bad.args[0]))
    sequence = micros(export.holds_all_until) if export.is_full else _sequence(parsed)
    if sequence is None:
        reasons.add("sequence_malformed")
    elif not export.is_full and not _in_window(export, sequence):
        reasons.add("write_time_outside_window")
    image = holder if export.is_full else parsed.get("NewImage")
    row = None
    if image is not None and not isinstance(image, dict):
        reasons.add("unknown_record")
    elif image is not None:
        row, row_reasons = decode_row(export.table, key, image, export.to_at)
        reasons |= row_reasons
    return Record(file, line, key, identity, sequence, row, frozenset(reasons))


def read(export: ExportInput) -> tuple[Record, ...]:
    """The records in order of (file, line); identical ones once, differing ones of one key all bad (rule R3).

    Whatever differs, makes a difference: a write time, an old image, a delete beside an upsert, also what is bad.
    """
    records = [
        _read(export, file, number, raw)
        for file, lines in sorted(zip(export.file_names, export.files, strict=True))
        for number, raw in enumerate(lines, start=1)
    ]
    standing: list[Record] = []
    seen: dict[str, set[str]] = {}
    for record in records:
        if record.key is not None:
            identities = seen.setdefault(record.key, set())
            if record.identity in identities:
                continue
            identities.add(record.identity)
        standing.append(record)
    return tuple(
        replace(record, reasons=record.reasons | {"conflicting_duplicate"})
        if record.key is not None and len(seen[record.key]) > 1
        else record
        for record in standing
    )


@lru_cache(maxsize=4096)
def read_once(export: ExportInput) -> tuple[Record, ...]:
    """`read`, remembered: arrangements of one history ask again and again."""
    return read(export)


def verdict(export: ExportInput) -> Verdict:
    """How many records the export has, how many are bad (rule C3), and which required columns have no value (C8)."""
    records = read_once(export)
    required = [field.name for field in FIELDS[export.table] if not field.nullable]
    rows = [record.row for record in records if record.row is not None]
    return Verdict(len(records), sum(not record.is_good for record in records), without_value(rows, required))


def without_value(rows: Sequence[Mapping[str, object]], required: Iterable[str]) -> frozenset[str]:
    """The required columns that are null in every one of three rows or more (rule C8)."""
    if len(rows) < LEAST_ROWS:
        return frozenset()
    return frozenset(name for name in required if all(row.get(name) is None for row in rows))

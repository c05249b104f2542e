"""Files of changes and full files: what they say of a key (rules F1 to F7, with R3, R4, K and H where these hold).

Belongs here: one file's records, the events of all files, and the state and the versions of each key.
Does not: what the columns of a table are (shop_tables.py), or what is made of the tables (star.py).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any

from medallion_assets_tests.oracle.decode import WHITESPACE, BadValueError, Row, business_day, timestamp
from medallion_assets_tests.oracle.model import WRITE_TIME_SLACK, from_micros, micros
from medallion_assets_tests.oracle.records import Verdict, without_value

TRUE = {"true", "1", "t", "y", "yes", "d"}
FALSE = {"false", "0", "f", "n", "no", "u", ""}
ANY_TIME = datetime(9000, 1, 1, tzinfo=UTC)
Key = tuple[Any, ...]


@dataclass(frozen=True)
class FileField:
    """One column: `decode` takes the text and the moment of its file; `missing` stands for text that is absent."""

    name: str
    decode: Callable[[str, datetime], Any]
    nullable: bool = False
    missing: str | None = None


@dataclass(frozen=True)
class FileTable:
    """A table that files tell of. `rules` gives the reasons for which a decoded row is bad nevertheless."""

    name: str
    key: tuple[str, ...]
    fields: tuple[FileField, ...] = field(repr=False)
    rules: Callable[[Row], set[str]] = field(default=lambda _row: set(), repr=False)
    sequence: str = "updated_at"
    flag: str | None = "deleted"
    day: str | None = None
    """The column with the business day of `ordered_at`, where there is one."""


@dataclass(frozen=True)
class FileInput:
    """One version of a file, as CSV text with a header. `batch_id` orders as text (rules F1, F5)."""

    table: FileTable
    batch_id: str
    modified: datetime
    text: str
    is_full: bool = False


@dataclass(frozen=True)
class FileRecord:
    """One line. `key` and `sequence` are None when they cannot be read, `row` for a delete."""

    line: int
    key: Key | None
    sequence: int | None
    identity: tuple[tuple[str, str], ...]
    row: Row | None
    reasons: frozenset[str]


@dataclass(frozen=True)
class FileEvent:
    """What a file says of a key at one moment. `row` is None for a delete; an absence is a full file's silence."""

    key: Key
    sequence: int
    is_full: bool
    is_absence: bool
    batch_id: str
    row: Row | None

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """Of events at one sequence the greatest counts: changes, then records, then the greatest id (rule F5)."""
        return not self.is_full, not self.is_absence, self.batch_id


def _decode(column: FileField, texts: dict[str, str], moment: datetime) -> Any:
    """A column's value; empty text is absent (rule F7)."""
    text = texts.get(column.name) or ""
    value = column.decode(text, moment) if text else None
    value = column.missing if value is None else value
    if value is None and not column.nullable:
        raise BadValueError("missing")
    return value


def decode_all(fields: Iterable[FileField], texts: dict[str, str], moment: datetime) -> tuple[Row, set[str]]:
    """The values that can be read, and the reasons for which the others cannot."""
    row: Row = {}
    reasons: set[str] = set()
    for column in fields:
        try:
            row[column.name] = _decode(column, texts, moment)
        except BadValueError as bad:
            reasons.add(str(bad.args[0]))
    return row, reasons


def _sequence(file: FileInput, texts: dict[str, str]) -> int | None:
    """When the record was written (rule F3): a full file's moment, else the time that stands in it. None: malformed."""
    if file.is_full:
        return micros(file.modified)
    try:
        return micros(timestamp(texts.get(file.table.sequence) or "", ANY_TIME))
    except BadValueError:
        return None


def _flag(table: FileTable, texts: dict[str, str]) -> bool | None:
    """Whether the record is a delete; None when the flag cannot be read (rule F3)."""
    text = (texts.get(table.flag) or "").strip(WHITESPACE).lower() if table.flag else ""
    return True if text in TRUE else False if text in FALSE else None


def _record(file: FileInput, line: int, texts: dict[str, str]) -> FileRecord:
    """One line, judged alone (rules F3, F7, R4)."""
    table, reasons = file.table, set()
    sequence = _sequence(file, texts)
    if sequence is None:
        reasons.add("sequence_malformed")
    elif sequence > micros(file.modified + WRITE_TIME_SLACK):
        reasons.add("write_time_outside_window")
    is_delete = _flag(table, texts)
    if is_delete is None:
        reasons.add("flag_malformed")
    fields = [column for column in table.fields if column.name in table.key or not is_delete]
    row, wrong = decode_all(fields, texts, file.modified)
    reasons |= wrong
    key = tuple(row[name] for name in table.key) if all(name in row for name in table.key) else None
    if not is_delete:
        reasons |= table.rules(row)
        if table.day and "ordered_at" in row:
            row[table.day] = business_day(row["ordered_at"])
    identity = tuple(sorted((name, text) for name, text in texts.items() if text))
    return FileRecord(line, key, sequence, identity, None if is_delete else row, frozenset(reasons))


@lru_cache(maxsize=4096)
def records(file: FileInput) -> tuple[FileRecord, ...]:
    """A file's records by line (from 1, the header not counted); equal ones of a key and time once (rule F4).

    If those of a key and time differ in any text, all of them are bad.
    """
    found = [
        _record(file, line, {name: text or "" for name, text in texts.items()})
        for line, texts in enumerate(csv.DictReader(file.text.splitlines(keepends=True), strict=True), start=1)
    ]
    standing: list[FileRecord] = []
    seen: dict[tuple[Key, int], set[object]] = {}
    for record in found:
        if record.key is not None and record.sequence is not None:
            identities = seen.setdefault((record.key, record.sequence), set())
            if record.identity in identities:
                continue
            identities.add(record.identity)
        standing.append(record)
    return tuple(
        replace(record, reasons=record.reasons | {"conflicting_duplicate"})
        if record.key is not None and record.sequence is not None and len(seen[record.key, record.sequence]) > 1
        else record
        for record in standing
    )


def verdict(file: FileInput) -> Verdict:
    """How many records the file has, how many are bad (rule C3), and which required columns have no value (C8)."""
    found = records(file)
    required = [column.name for column in file.table.fields if not column.nullable and column.missing is None]
    rows = [record.row for record in found if record.row is not None]
    return Verdict(len(found), sum(bool(record.reasons) for record in found), without_value(rows, required))


def quarantine(files: Iterable[FileInput]) -> set[tuple[str, int, frozenset[str]]]:
    """(batch, line, reasons) of every bad record."""
    return {
        (file.batch_id, record.line, record.reasons) for file in files for record in records(file) if record.reasons
    }


def events(files: Sequence[FileInput]) -> dict[Key, list[FileEvent]]:
    """By key, the event that counts at every sequence, ascending (rules K1, K2, F5, F6).

    Every key that is older than a full file's moment and that this file does not name is deleted then; a bad line
    names its key as well.
    """
    said = [
        FileEvent(record.key, record.sequence, file.is_full, False, file.batch_id, record.row)
        for file in files
        for record in records(file)
        if not record.reasons and record.key is not None and record.sequence is not None
    ]
    for file in [file for file in files if file.is_full]:
        at, named = micros(file.modified), {record.key for record in records(file)}
        older = {event.key for event in said if not event.is_absence and event.sequence < at}
        said += [FileEvent(key, at, True, True, file.batch_id, None) for key in older - named]
    said.sort(key=lambda event: (event.key, event.sequence, event.rank))
    winners = [list(same)[-1] for _, same in groupby(said, key=lambda event: (event.key, event.sequence))]
    return {key: list(of_key) for key, of_key in groupby(winners, key=lambda event: event.key)}


def state(table: FileTable, files: Sequence[FileInput]) -> list[Row]:
    """One row a key, tombstones among them, by key (rules K2, K3)."""
    columns = [column.name for column in table.fields] + ([table.day] if table.day else [])
    rows = []
    for key, winners in events(files).items():
        last = winners[-1]
        business = dict(zip(table.key, key, strict=True)) if last.row is None else last.row
        rows.append(
            {
                **{column: business.get(column) for column in columns},
                "is_deleted": last.row is None,
                "_sequence_micros": last.sequence,
                "_export_id": last.batch_id,
            }
        )
    return rows


def history(files: Sequence[FileInput]) -> list[Row]:
    """Every version of every key, by key and `valid_from` (rule H1; a file's moment is exact, so without exception)."""
    versions: list[Row] = []
    for winners in events(files).values():
        of_key: list[Row] = []
        for _, same in groupby(winners, key=lambda event: event.row):
            event = next(same)
            if of_key and of_key[-1]["is_current"]:
                ended = {"valid_to": from_micros(event.sequence), "is_current": False, "is_deleted": event.row is None}
                of_key[-1] |= ended
            if event.row is not None:
                of_key.append(
                    {
                        **event.row,
                        "valid_from": from_micros(event.sequence),
                        "valid_to": None,
                        "is_current": True,
                        "is_deleted": False,
                        "_sequence_micros": event.sequence,
                        "_export_id": event.batch_id,
                    }
                )
        versions += of_key
    return versions

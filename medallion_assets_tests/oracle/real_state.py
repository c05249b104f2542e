"""What Silver must hold of a simulated table: what is really in it, but for what no export can tell.

Belongs here: comparing tables with the real one, and naming the keys that may differ (rules K1, C1).
Does not: the simulation (real_table.py), or the rules (oracle.py): nothing here follows how a state is found.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from medallion_assets_tests.oracle.chain import Unprotected
from medallion_assets_tests.oracle.decode import KEYS, Row, decode_row
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.oracle.real_strategies import RealHistory
from medallion_assets_tests.oracle.real_table import MINUTE, RealTable, Write

_OURS = {"valid_from", "valid_to", "is_current", "is_deleted"}
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def _row(real: RealTable, write: Write | None) -> Row | None:
    """The columns of what was written; None: nothing, or a delete."""
    if write is None or write.item is None:
        return None
    row, reasons = decode_row(real.name, write.key, write.item, FAR)
    assert not reasons
    return row


def _business(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _OURS and name[0] != "_"}


def differing(history: RealHistory, rows: Sequence[Row]) -> set[str]:
    """The keys whose live row (of a customer: current version) is not what the real table holds at the end."""
    name, real = history.real.name, history.real
    flag = "is_deleted" if name == TRANSACTIONS else "valid_to"
    ours = {row[KEYS[name]]: _business(row) for row in rows if not row[flag]}
    theirs = {key: row for key in real.by_key if (row := _row(real, real.last_write(key, history.end)))}
    return {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}


def _spans(export: ExportInput, at: int) -> bool:
    return micros(export.from_at) <= at < micros(export.to_at)


def _keys(export: ExportInput) -> set[str]:
    """The keys of an export's lines."""
    holder = "Item" if export.is_full else "Keys"
    return {json.loads(line)[holder][KEYS[export.table]]["S"] for file in export.files for line in file}


def open_by_k1(history: RealHistory) -> set[str]:
    """What rule K1 names as open: the newest full export holds an item that was born and deleted within one window.

    Born until 60 s after the full export's time, in a window that reaches past its S: there is no record of it.
    """
    full = history.newest_full
    latest, certain = micros(full.to_at) + MINUTE, micros(full.holds_all_until)
    return {
        key
        for key in _keys(full)
        for born, gone in history.real.lives(key)
        for window in history.windows
        if gone and born <= latest and _spans(window, born) and _spans(window, gone) and micros(window.to_at) > certain
    }


def open_by_overlap(history: RealHistory) -> set[str]:
    """The same of two windows: an item was born where they overlap, and deleted within the one that goes on.

    The other one has it, and this one has no record of it.
    """
    return {
        key
        for key in history.real.by_key
        for born, gone in history.real.lives(key)
        for window in history.windows
        for other in history.windows
        if gone and _spans(window, born) and _spans(window, gone) and _spans(other, born) and not _spans(other, gone)
    }


def revived(history: RealHistory) -> set[str]:
    """Keys that are gone at the end, though the last word on them since the newest full export's S is an item."""
    full, real = history.newest_full, history.real
    certain, held = micros(full.holds_all_until), _keys(full)
    found = set()
    for key in real.by_key:
        records = [real.record(key, window.from_at, window.to_at) for window in history.windows]
        newer = [record for record in records if record and record.written_at >= certain]
        last = max(newer, key=lambda record: record.written_at, default=None)
        if (last.item is not None if last else key in held) and real.item(key, history.end) is None:
            found.add(key)
    return found


def written_in(real: RealTable, spans: Sequence[Unprotected]) -> set[str]:
    """Keys that were written where nothing protects them (rule C1)."""
    return {write.key for write in real.writes if any(micros(begin) <= write.at < micros(end) for begin, end in spans)}


def under_way(history: RealHistory) -> set[str]:
    """Keys with a write that a replica made before the S of the newest full export, and that came in after it.

    The full export may lack it, and decides all the same: the write counts as older (rule K1).
    """
    certain = micros(history.newest_full.holds_all_until)
    return {write.key for write in history.real.writes if write.written_at < certain < write.at}


def _lost(history: RealHistory, unprotected: Sequence[Unprotected]) -> set[str]:
    return written_in(history.real, unprotected) | under_way(history)


def check_transactions(history: RealHistory, rows: Sequence[Row], unprotected: Sequence[Unprotected]) -> None:
    """Silver's transactions are the real ones, but for what is open, and nothing else is said of those."""
    real, lost = history.real, _lost(history, unprotected)
    assert differing(history, rows) - lost == revived(history) - lost
    assert differing(history, rows) - lost <= open_by_k1(history) | open_by_overlap(history)
    assert {row[KEYS[TRANSACTIONS]] for row in rows} == set().union(*map(_keys, history.exports))
    certain = micros(history.newest_full.holds_all_until)
    for row in rows:
        last = real.last_write(row[KEYS[TRANSACTIONS]], history.end)
        if last is not None and last.item is not None and last.key not in lost:
            # What a clock that is ahead wrote just before the first window is in the full export alone.
            alone = {certain} if last.at <= certain else set()
            assert row["_sequence_micros"] in {max(last.written_at, certain), *alone}


def check_customers(history: RealHistory, rows: Sequence[Row], unprotected: Sequence[Unprotected]) -> None:
    """The current versions are the real customers, but for what is open; no version says what never was.

    What a full export saw may have been written, or deleted, until two minutes after its S.
    """
    lost = _lost(history, unprotected)
    assert differing(history, rows) - lost == revived(history) - lost
    assert differing(history, rows) - lost <= open_by_k1(history) | open_by_overlap(history)
    for row in rows:
        key = row[KEYS[history.real.name]]
        assert _business(row) in _states(history.real, key, row["_sequence_micros"])
        if row["is_deleted"]:
            assert None in _states(history.real, key, micros(row["valid_to"]))


def _states(real: RealTable, key: str, begin: int) -> list[Row | None]:
    """What the real table held under the key in the two minutes from a moment on, or what was written in them."""
    end = begin + 2 * MINUTE
    later = [write for write in real.by_key[key] if begin < write.at <= end or begin <= write.written_at <= end]
    return [_row(real, write) for write in (real.last_write(key, begin), *later)]

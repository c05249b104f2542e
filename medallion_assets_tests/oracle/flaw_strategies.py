"""Exports with duplicates, with broken lines, or with so much that is bad that they fail the gate.

Belongs here: what is planted among the lines of one export.
Does not: sound lines, and flaws of a single item (record_strategies.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from medallion_assets_tests.oracle.lines import compact, customer, item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS, micros
from medallion_assets_tests.oracle.record_strategies import Span, rarely

_STEPS = st.sampled_from((-1, 0, 1))
_BAD_LINES = st.sampled_from(
    ("not json", "", "[]", '{"Item":', "null", "{}", '{"Metadata":{}}', '{"NewImage":{"amount":{"N":"1"}}}')
)


@st.composite
def with_flaws(draw: st.DrawFn, table: str, lines: Sequence[str]) -> list[str]:
    """The lines, now and then with a duplicate and with a broken one.

    A duplicate is identical, spelled otherwise, or differs: in what it says, in its write time, or in what it does.
    """
    made = list(lines)
    if made and rarely(draw, 4):
        line = draw(st.sampled_from(made))
        kind = draw(st.sampled_from(["identical", "respelled", "differing", "later", "earlier", "undone"]))
        copies = {
            "identical": line,
            "respelled": _respelled(line),
            "differing": _differing(table, line),
            "later": _rewritten(line, 1),
            "earlier": _rewritten(line, -1),
            "undone": _undone(table, _rewritten(line, draw(_STEPS))),
        }
        made.insert(draw(st.integers(0, len(made))), copies[kind])
    if rarely(draw, 8):
        made.insert(draw(st.integers(0, len(made))), draw(_BAD_LINES))
    return made


def _reversed(value: Any) -> Any:
    """The same JSON with every object's members, and every set, the other way round."""
    if isinstance(value, dict):
        return {
            name: inner[::-1] if name in {"SS", "NS", "BS"} else _reversed(inner)
            for name, inner in reversed(value.items())
        }
    return [_reversed(inner) for inner in value] if isinstance(value, list) else value


def _respelled(line: str) -> str:
    """The same record in other bytes."""
    return json.dumps(_reversed(json.loads(line)))


def _differing(table: str, line: str) -> str:
    """Another record of the same key."""
    record = json.loads(line)
    attribute = "status" if table == TRANSACTIONS else "region"
    image = record.get("Item") or record.get("NewImage")
    if image is None:
        return _undone(table, line)
    image[attribute] = {"S": "refunded"} if image.get(attribute) != {"S": "refunded"} else {"S": "completed"}
    return compact(record)


def _rewritten(line: str, later: int) -> str:
    """The same record of another moment; an item of a full export, and what has no write time, stays as it is."""
    record = json.loads(line)
    written = record.get("Metadata", {}).get("WriteTimestampMicros")
    digits = written.get("N") if isinstance(written, dict) else None
    if not digits or not digits.isdecimal():
        return line
    return compact({**record, "Metadata": {"WriteTimestampMicros": {"N": str(int(digits) + later)}}})


def _undone(table: str, line: str) -> str:
    """A delete for an upsert, an upsert for a delete; an item of a full export says something else."""
    record = json.loads(line)
    if "Item" in record:
        return _differing(table, line)
    if record.pop("NewImage", None) is None:
        make = transaction if table == TRANSACTIONS else customer
        record["NewImage"] = {**make(), **record["Keys"]}
    return compact(record)


@st.composite
def poison_lines(draw: st.DrawFn, table: str, span: Span, *, is_full: bool) -> list[str]:
    """Bad records enough to fail the gate (rule C3)."""
    count = draw(st.integers(10, 11))
    if draw(st.booleans()):
        return ["not json"] * count
    attribute = "amount" if table == TRANSACTIONS else "region"
    make = transaction if table == TRANSACTIONS else customer
    items = [make(f"bad{number}", **{attribute: None}) for number in range(count)]
    return [item_line(item) if is_full else upsert_line(micros(span.from_at), item) for item in items]

"""Raw lines of exports, made from typed items.

Belongs here: spelling one record the way DynamoDB does.
Does not: which records there are (strategies.py, the tests).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from medallion_assets_tests.oracle.model import FULL, INCREMENTAL, ExportInput

Item = dict[str, Any]


def compact(record: Any) -> str:
    """Compact JSON, non-ASCII characters as they are."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def transaction(key: str = "t1", **attributes: Any) -> Item:
    """A valid transaction; attributes replace its own, those given as None are left out."""
    item = {
        "transaction_id": {"S": key},
        "customer_id": {"S": "c1"},
        "transaction_timestamp": {"S": "2025-03-08T00:00:00Z"},
        "amount": {"N": "10"},
        "currency": {"S": "USD"},
        "product_id": {"S": "p1"},
        "product_category": {"S": "books"},
        "quantity": {"N": "1"},
        "payment_method": {"S": "paypal"},
        "status": {"S": "completed"},
        **attributes,
    }
    return {name: value for name, value in item.items() if value is not None}


def customer(key: str = "c1", **attributes: Any) -> Item:
    """A valid customer; attributes replace its own, those given as None are left out."""
    item = {
        "customer_id": {"S": key},
        "customer_name": {"S": "Ada"},
        "email": {"S": "ada@example.com"},
        "customer_segment": {"S": "retail"},
        "region": {"S": "west"},
        "signup_date": {"S": "2024-02-29"},
        **attributes,
    }
    return {name: value for name, value in item.items() if value is not None}


def key_of(item: Item) -> Item:
    """The key attribute: an item's first."""
    name = next(iter(item))
    return {name: item[name]}


def item_line(item: Item) -> str:
    """A record of a full export."""
    return compact({"Item": item})


def upsert_line(sequence: Any, item: Item, *, keys: Item | None = None, old: Item | None = None) -> str:
    """An insert or update; `sequence` in microseconds, or an attribute like {"N": "1"}."""
    record = {"Metadata": _metadata(sequence), "Keys": key_of(item) if keys is None else keys}
    if old is not None:
        record["OldImage"] = old
    return compact({**record, "NewImage": item})


def delete_line(sequence: Any, keys: Item, *, old: Item | None = None) -> str:
    """A delete of the item with these key attributes."""
    record = {"Metadata": _metadata(sequence), "Keys": keys}
    return compact(record if old is None else {**record, "OldImage": old})


def _metadata(sequence: Any) -> Item:
    return {"WriteTimestampMicros": {"N": str(sequence)} if isinstance(sequence, int) else sequence}


def full(table: str, export_id: str, at: datetime, *files: Sequence[str]) -> ExportInput:
    """A full export of `at`, its data files named a, b, c..."""
    return ExportInput(table, export_id, FULL, at, at, tuple(map(tuple, files)), tuple("abcdef"[: len(files)]))


def window(table: str, export_id: str, from_at: datetime, to_at: datetime, *files: Sequence[str]) -> ExportInput:
    """An incremental export, its data files named a, b, c..."""
    names = tuple("abcdef"[: len(files)])
    return ExportInput(table, export_id, INCREMENTAL, from_at, to_at, tuple(map(tuple, files)), names)

"""Hints: what a contract asks of items that none of them can give, in words that say what to do about it.

Belongs here: looking at records that are bad for it.
Does not: judging them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from medallion_assets.contracts.columns import RAW, REASON_COLUMNS, REASONS
from medallion_assets.contracts.source import MISSING, WRONG_TYPE
from medallion_assets.contracts.table import Column, Date, Table, TimestampUtc

BINARY = ("B", "BS")
UNREAD = ("N", *BINARY)


def hints(bad: pl.DataFrame, table: Table) -> list[str]:
    """A line for each column of some bad records that has what no contract can read as what it is, or no key.

    `bad` has `raw`, `_reasons` and `_reason_columns`. Other wrong types show in their rows.
    """
    found: dict[str, None] = {}
    for raw, reasons, columns in bad.select(RAW, REASONS, REASON_COLUMNS).iter_rows():
        record: dict[str, Any] = {}
        for reason, name in zip(reasons, columns, strict=True):
            if reason == WRONG_TYPE or (reason == MISSING and name in table.key):
                record = record or json.loads(raw)
                about = _of_type if reason == WRONG_TYPE else _of_key
                found |= dict.fromkeys(about(record, table.column(name)))
    return list(found)


def _of_type(record: Mapping[str, Any], column: Column) -> Iterator[str]:
    image, keys = record.get("Item") or record.get("NewImage") or {}, record.get("Keys") or {}
    value = {**image, **keys}.get(column.source)
    for kind in UNREAD:
        if isinstance(value, dict) and kind in value and (hint := _unread(column, kind)):
            yield hint


def _unread(column: Column, kind: str) -> str | None:
    subject = f"{column.name} is {kind} in attribute {column.source!r}"
    if kind in BINARY:
        return f"{subject}: no column type reads binary values yet; a table with such a key cannot be loaded"
    if kind == "N" and isinstance(column.type, TimestampUtc | Date):
        return (
            f"{subject}: timestamps and days are read only from ISO 8601 text; a number of seconds since 1970 can be "
            "read as an Integer, and a table without a day in such text needs history=True"
        )
    return None


def _of_key(record: Mapping[str, Any], column: Column) -> Iterator[str]:
    """A change names its item by Keys alone, which has every attribute of DynamoDB's key and no other."""
    keys = record.get("Keys")
    if isinstance(keys, dict) and column.source not in keys:
        yield (
            f"{column.name} is of the key, but attribute {column.source!r} is not of DynamoDB's key, which is all that "
            f"Keys of a window has: {', '.join(sorted(keys))}; the key of the contract must be DynamoDB's key"
        )

"""Unread types: attributes that no contract can read yet, in words that say what to do about it.

Belongs here: looking at records that were refused as `wrong_type`.
Does not: refusing them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from medallion_assets.contracts.columns import RAW, REASON_COLUMNS, REASONS
from medallion_assets.contracts.source import WRONG_TYPE
from medallion_assets.contracts.table import Column, Date, Table, TimestampUtc
from medallion_assets.sources.dynamodb_export.record import attributes_of

BINARY = ("B", "BS")
UNREAD = ("N", *BINARY)


def unread_types(bad: pl.DataFrame, table: Table) -> list[str]:
    """A line for each column of some bad records that holds what no contract can read as what it is.

    `bad` has `raw`, `_reasons` and `_reason_columns`. Other wrong types show in their rows.
    """
    found: dict[tuple[str, str], None] = {}
    for raw, reasons, columns in bad.select(RAW, REASONS, REASON_COLUMNS).iter_rows():
        wrong = [column for reason, column in zip(reasons, columns, strict=True) if reason == WRONG_TYPE]
        found |= dict.fromkeys(_types(raw, table, wrong))
    hints = (_hint(table.column(column), kind) for column, kind in found)
    return [hint for hint in hints if hint is not None]


def _types(raw: str, table: Table, columns: list[str]) -> Iterator[tuple[str, str]]:
    record = json.loads(raw)
    image, keys = record.get("Item") or record.get("NewImage") or {}, record.get("Keys") or {}
    for attribute in attributes_of(table):
        if attribute.column in columns:
            value: Mapping[str, Any] = {**image, **keys}.get(attribute.source, {})
            yield from ((attribute.column, kind) for kind in UNREAD if isinstance(value, dict) and kind in value)


def _hint(column: Column, kind: str) -> str | None:
    subject = f"{column.name} is {kind} in attribute {column.source!r}"
    if kind in BINARY:
        return f"{subject}: no column type reads binary values yet; a table with such a key cannot be loaded"
    if kind == "N" and isinstance(column.type, TimestampUtc | Date):
        return (
            f"{subject}: timestamps and days are read only from ISO 8601 text; a number of seconds since 1970 can be "
            "read as an Integer, and a table without a day in such text needs history=True"
        )
    return None

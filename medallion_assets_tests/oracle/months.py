"""Months of events: what a month's latest file makes of it (rules E1 to E5).

Belongs here: one file, the months of several, and revenue by brand.
Does not: how files arrive.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from medallion_assets_tests.oracle.decode import BadValueError, Row, money, text, timestamp
from medallion_assets_tests.oracle.files import FileField, decode_all

NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EVENT_TYPES = {"view", "cart", "remove_from_cart", "purchase"}
_NAME = re.compile(r"(\d{4})-([A-Z][a-z]{2})\.csv(\.gz|\.zst)?", re.ASCII)
_REES46 = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC", re.ASCII)


def event_time(payload: str, moment: datetime) -> datetime:
    """`2019-10-01 00:00:00 UTC` (rule E2)."""
    match = _REES46.fullmatch(payload)
    if match is None:
        raise BadValueError("timestamp_malformed")
    return timestamp(f"{match[1]}T{match[2]}Z", moment)


FIELDS = (
    FileField("event_time", event_time),
    FileField("event_type", text(case="lower")),
    FileField("product_id", text()),
    FileField("category_id", text()),
    FileField("category_code", text(), nullable=True),
    FileField("brand", text(case="lower"), nullable=True),
    FileField("price", money, nullable=True),
    FileField("user_id", text()),
    FileField("user_session", text(), nullable=True),
)


@dataclass(frozen=True)
class MonthFile:
    """One version of a month: the name of its file, when that was last modified, and its CSV text with a header."""

    name: str
    batch_id: str
    modified: datetime
    text: str

    @property
    def month(self) -> date:
        """The first day of the month that the name says (rule E1)."""
        match = _NAME.fullmatch(self.name)
        if match is None:
            raise ValueError(self.name)
        return date(int(match[1]), NAMES.index(match[2]) + 1, 1)


@dataclass(frozen=True)
class Month:
    """What a file says: its good rows, its bad lines (from 1, the header not counted), and how many were left out."""

    batch_id: str
    rows: list[Row]
    bad: list[tuple[int, frozenset[str]]]
    duplicates: int


@lru_cache(maxsize=1024)
def read(file: MonthFile) -> Month:
    """One file, judged (rules E2 to E4)."""
    rows, bad, seen, duplicates = [], [], set(), 0
    for line, texts in enumerate(csv.reader(file.text.splitlines(keepends=True)[1:], strict=True), start=1):
        if tuple(texts) in seen:
            duplicates += 1
            continue
        seen.add(tuple(texts))
        row, reasons = decode_all(
            FIELDS, dict(zip((field.name for field in FIELDS), texts, strict=True)), file.modified
        )
        reasons |= _rules(row, file.month)
        if reasons:
            bad.append((line, frozenset(reasons)))
        else:
            rows.append({**row, "event_month": file.month})
    return Month(file.batch_id, rows, bad, duplicates)


def _rules(row: Row, month: date) -> set[str]:
    """What is wrong with a decoded event; a column that did not decode is not judged (rules E2, E4)."""
    wrong = {
        "outside_month": "event_time" in row and row["event_time"].astimezone(UTC).date().replace(day=1) != month,
        "event_type_unknown": "event_type" in row and row["event_type"] not in EVENT_TYPES,
        "valid_price": row.get("price") is not None and row["price"] < 0,
    }
    return {reason for reason, is_wrong in wrong.items() if is_wrong}


def months(files: Iterable[MonthFile]) -> dict[date, Month]:
    """Each month as its latest file has it: the last modified one, then the greatest id (rules E1, E6)."""
    latest = {file.month: file for file in sorted(files, key=lambda file: (file.modified, file.batch_id))}
    return {month: read(file) for month, file in sorted(latest.items())}


def brand_revenue(month: Month) -> list[Row]:
    """By brand, nobody's first (rule E5)."""
    brands: dict[str | None, list[Row]] = {}
    for row in month.rows:
        brands.setdefault(row["brand"], []).append(row)

    def total(rows: list[Row]) -> Decimal:
        return sum((row["price"] or Decimal() for row in rows), Decimal("0.0000"))

    return [
        {
            "event_month": rows[0]["event_month"],
            "brand": brand,
            "events": len(rows),
            "purchases": len(bought := [row for row in rows if row["event_type"] == "purchase"]),
            "total_revenue": total(bought),
            "total_price_of_events": total(rows),
        }
        for brand, rows in sorted(brands.items(), key=lambda item: (item[0] is not None, item[0] or ""))
    ]

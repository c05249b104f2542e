"""What readers must find in DynamoDB after some publishes: from Gold's rows alone (rules P1, P2, P4).

Belongs here: keys, what cannot be published, and which publish a reader sees.
Does not: how items are written, or the owner of a table: publishes of one Gold table only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from medallion_assets_tests.oracle.decode import Row

MOST_PARTITION_KEY_BYTES = 2048
MOST_SORT_KEY_BYTES = 1024
VERSION_DIGITS = 12
TOMBSTONE_LIVES = timedelta(days=7)
CLOCK_FIGURES = {"recency_days", "tenure_days", "orders_per_30_days"}
ROW_KEY = ("product_category", "customer_segment", "region")


def percent_encoded(value: str) -> str:
    """A value in which nothing separates or begins a key of ours; `urllib.parse.unquote` gives the value back."""
    return value.replace("%", "%25").replace("#", "%23")


def partition_key(value: str) -> str | None:
    """A business key as the partition key; None when DynamoDB cannot take it (rule P4).

    Encoded where it holds `%` or begins with `#`, so it never begins with `#`, and no two values give one key.
    """
    key = percent_encoded(value) if "%" in value or value.startswith("#") else value
    return key if 0 < len(key.encode()) <= MOST_PARTITION_KEY_BYTES else None


def sort_key(version: int, row: Row) -> str:
    """A row of a day; values too long for a key stand there as their digest, and whole in the item (rules P1, P4)."""
    values = "#".join(percent_encoded(row[name]) for name in ROW_KEY)
    prefix = f"{version:0{VERSION_DIGITS}}#"
    if len(f"{prefix}{values}".encode()) <= MOST_SORT_KEY_BYTES:
        return prefix + values
    return f"{prefix}%sha256:{sha256(values.encode()).hexdigest()}"


@dataclass(frozen=True)
class DayPublish:
    """One day's partition of Gold, published as it was in a version of Gold."""

    day: date
    version: int
    rows: Sequence[Row]


@dataclass(frozen=True)
class Day:
    """What a reader sees of a day: rows by sort key."""

    version: int
    rows: dict[str, Row]


def days(publishes: Sequence[DayPublish]) -> dict[date, Day]:
    """Of every day the highest version, whole, whenever it came; an empty day has no rows (rule P1)."""
    seen: dict[date, Day] = {}
    for publish in sorted(publishes, key=lambda publish: publish.version):
        rows = {sort_key(publish.version, row): _of_day(publish.day, row) for row in publish.rows}
        seen[publish.day] = Day(publish.version, rows)
    return seen


def _of_day(day: date, row: Row) -> Row:
    """Gold's columns, the day under its name of the serving table."""
    return {"metric_date": day, **{name: value for name, value in row.items() if name != "transaction_date"}}


@dataclass(frozen=True)
class LtvPublish:
    """Gold's lifetime values as of a day, published as they were in a version of Gold."""

    as_of: date
    version: int
    rows: Sequence[Row]
    at: datetime

    @property
    def pair(self) -> tuple[date, int]:
        """What decides which of two publishes is newer."""
        return self.as_of, self.version


@dataclass(frozen=True)
class LtvItem:
    """A customer's item: `figures`, None for a tombstone, which readers do not see and which expires."""

    pair: tuple[date, int]
    figures: Row | None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Ltv:
    """The table: the watermark, items by partition key, and who was left out by the newest publish."""

    watermark: tuple[date, int] | None
    items: dict[str, LtvItem]
    left_out: tuple[str, ...]

    @property
    def visible(self) -> dict[str, Row]:
        """What a reader sees, by partition key."""
        return {key: item.figures for key, item in self.items.items() if item.figures is not None}


def lifetime_values(publishes: Sequence[LtvPublish]) -> Ltv:
    """The table after these publishes, one after the other (rule P2).

    A pair that is no higher than the watermark publishes nothing. What says the same keeps the pair under which it was
    written; who vanished leaves a tombstone with the pair.
    """
    watermark: tuple[date, int] | None = None
    items: dict[str, LtvItem] = {}
    left_out: tuple[str, ...] = ()
    for publish in publishes:
        if watermark is not None and publish.pair <= watermark:
            continue
        watermark = publish.pair
        keys = [(partition_key(row["customer_id"]), row) for row in publish.rows]
        left_out = tuple(row["customer_id"] for key, row in keys if key is None)
        now = {key: _stored(row) for key, row in keys if key is not None}
        for key, figures in now.items():
            if key not in items or items[key].figures != figures:
                items[key] = LtvItem(publish.pair, figures)
        for key in [key for key, item in items.items() if item.figures is not None and key not in now]:
            items[key] = LtvItem(publish.pair, None, publish.at + TOMBSTONE_LIVES)
    return Ltv(watermark, items, left_out)


def _stored(row: Row) -> Row:
    """The columns of Gold that are stored; what only the clock changes is not, and the item's pair names the day."""
    return {name: value for name, value in row.items() if name not in CLOCK_FIGURES and name != "as_of_date"}

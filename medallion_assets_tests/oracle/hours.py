"""What the oracle's own examples share: moments as hours from one start, amounts, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from medallion_assets_tests.oracle.lines import Item, transaction
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.oracle.oracle import Expected

START = datetime(2025, 3, 8, tzinfo=UTC)
BAD = "not json"
"""A line that is no record."""
MINUTE = 60_000_000
SECOND = timedelta(seconds=1)


def at(hour: float) -> datetime:
    """A moment, in hours from START."""
    return START + timedelta(hours=hour)


def seq(hour: float) -> int:
    """The same as a sequence."""
    return micros(at(hour))


def as_of(hour: float) -> int:
    """S of a full export of that moment (rule R1)."""
    return seq(hour) - MINUTE


def amount(value: str, key: str = "t1") -> Item:
    return transaction(key, amount={"N": value})


def states(result: Expected) -> dict[str, tuple[Any, bool, int, str]]:
    """Amount, is_deleted, sequence and export of every Silver transaction."""
    return {
        row["transaction_id"]: (row["amount"], row["is_deleted"], row["_sequence_micros"], row["_export_id"])
        for row in result.silver_transactions
    }


def keys(key: str) -> Item:
    """The key of a transaction."""
    return {"transaction_id": {"S": key}}

"""What the oracle is given: exports as they lie in the bucket, and what a person decided about them.

Belongs here: the input, and what every rule asks of an export's moments.
Does not: the rules (the modules beside this one), or how histories are made (strategies.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

TRANSACTIONS = "customer_transactions"
CUSTOMERS = "customers"
TABLES = (TRANSACTIONS, CUSTOMERS)
FULL: Final = "FULL_EXPORT"
INCREMENTAL: Final = "INCREMENTAL_EXPORT"
MINUTE: Final = timedelta(seconds=60)
WRITE_TIME_SLACK: Final = timedelta(hours=24)
"""How far outside its export's window a write time may lie (rule R1)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ExportInput:
    """One complete export.

    `from_at` and `to_at` are UTC; a full export has its exportTime in both. `files` holds the raw lines of each data
    file, `file_names` their names, in the same order; the names' own order (as text) breaks ties. `spread` is how far
    from its time the items of a full export may be; nothing but a test of that very rule sets it. `generation` counts
    the tables that were confirmed under the name, this one's before it (rule B3).
    """

    table: str
    export_id: str
    export_type: Literal["FULL_EXPORT", "INCREMENTAL_EXPORT"]
    from_at: datetime
    to_at: datetime
    files: tuple[tuple[str, ...], ...]
    file_names: tuple[str, ...]
    spread: timedelta = MINUTE
    generation: int = 0

    @property
    def is_full(self) -> bool:
        """Whether this is the whole table around `to_at`."""
        return self.export_type == FULL

    @property
    def holds_all_until(self) -> datetime:
        """Nothing committed up to this moment can be missing: S of a full export (rule R1), the end of a window."""
        return self.to_at - self.spread if self.is_full else self.to_at


@dataclass(frozen=True)
class Limits:
    """What a full export may delete by leaving keys out (rule C7): a share of the rows, and rows enough to matter."""

    max_delete_share: float = 0.5
    max_delete_min_rows: int = 100


CONTRACT = Limits()
"""What the contracts say unless a test changes them."""


@dataclass(frozen=True)
class Decision:
    """What a person said about an export: fit to be accepted although it fails the gate, or to stay out (rule C4)."""

    table: str
    export_id: str
    action: Literal["accept", "reject"]


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware moment."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    """The UTC moment of that many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)

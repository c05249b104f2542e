"""Origins: a table that was made anew, restored or moved, and the records of the one before (rule B3).

Belongs here: which origin a batch is of, and from when on the records of a former origin no longer count.
Does not: asking a person to confirm a new one; windows.

Nothing of a new origin is in Bronze before a person confirmed its table id, so the decisions tell their order. A former
origin ends at S of the first full batch of a later one: that full batch is the whole table as of then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, SEQUENCE
from medallion_assets.contracts.moments import micros
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.table import Snapshot
from medallion_assets.refining.bronze import origins_since
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction


@dataclass(frozen=True, kw_only=True)
class Origins:
    """The origin of each batch, by its id: 0 is the first table, 1 the first one that was confirmed, and so on."""

    numbers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, bronze: Snapshot, decisions: Mapping[str, Decision]) -> Origins:
        """From what people confirmed; only if they did, Bronze's log is read whole, once in a process."""
        number = numbers_of(decisions)
        if not number:
            return cls()
        table_ids = _table_ids(bronze)
        return cls(
            numbers={batch_id: number[table_id] for batch_id, table_id in table_ids.items() if table_id in number}
        )

    @property
    def count(self) -> int:
        """How many origins there are: 1 where nobody has confirmed a second one."""
        return 1 + max(self.numbers.values(), default=0)

    def of(self, batch: Batch) -> int:
        """The number of a batch's origin; 0 for one that nobody has confirmed."""
        return self.numbers.get(batch.id, 0)

    def ends(self, fulls: Iterable[Batch], batches: Iterable[Batch]) -> dict[str, int]:
        """By the id of each batch of an origin that has ended, the sequence after which its records do not count.

        `fulls` are the full batches that count so far.
        """
        if self.count == 1:
            return {}
        begins = [(self.of(full), full.decides_at) for full in fulls]
        ends = {
            origin: min((micros for later, micros in begins if later > origin), default=None)
            for origin in range(self.count)
        }
        return {batch.id: end for batch in batches if (end := ends[self.of(batch)]) is not None}


def numbers_of(decisions: Mapping[str, Decision]) -> dict[str, int]:
    """The origin that each confirmed table id stands for, in the order in which people confirmed them."""
    confirmed = [decision for decision in decisions.values() if decision.action is DecisionAction.CONFIRM_TABLE]
    in_order = sorted(confirmed, key=lambda decision: (decision.decided_at, decision.subject))
    return {decision.subject: position for position, decision in enumerate(in_order, start=1)}


def begins_after(batch: Batch, end: int | None) -> bool:
    """Whether a batch of a former table begins after its end, so that none of its records counts."""
    if end is None:
        return False
    begin = batch.decides_at if batch.is_full else micros(batch.covers_from)
    return begin > end


def without_outdated(fulls: Iterable[Batch], ends: Mapping[str, int]) -> list[Batch]:
    """The full batches that were not taken of a former table after its end."""
    return [full for full in fulls if full.decides_at <= ends.get(full.id, full.decides_at)]


def is_outdated(ends: Mapping[str, int]) -> pl.Expr:
    """Whether a record (`_export_id`, `_sequence_micros`) is of a former table, written after its end."""
    outdated = pl.lit(value=False)
    for end in sorted(set(ends.values())):
        of_these = pl.col(BATCH_ID).is_in(_ids(ends, end))
        outdated |= of_these & (pl.col(SEQUENCE) > end)
    return outdated


def counted_sequence(ends: Mapping[str, int]) -> pl.Expr:
    """The sequence of a held row; one that no longer counts is older than what ended it."""
    sequence = pl.col(SEQUENCE)
    for end in sorted(set(ends.values())):
        is_after = pl.col(BATCH_ID).is_in(_ids(ends, end)) & (pl.col(SEQUENCE) > end)
        sequence = pl.when(is_after).then(pl.lit(end - 1, dtype=pl.Int64)).otherwise(sequence)
    return sequence.alias(SEQUENCE)


_KNOWN_TABLE_IDS: dict[str, tuple[dict[str, Any] | None, dict[str, str | None]]] = {}
"""By Bronze table (its uri and id), up to which commit its log was read, and what it says: that never changes, unless
an older copy takes the table's place, which reaches the same version with another commit."""


def _table_ids(bronze: Snapshot) -> dict[str, str | None]:
    """The table id of each batch that Bronze's log names up to this version."""
    table = f"{bronze.uri} {bronze.table_id}"
    commit, known = _KNOWN_TABLE_IDS.get(table, (None, {}))
    version = -1 if commit is None else int(commit["version"])
    if commit is None or _commit(bronze, version) != commit:  # nor must an older snapshot hear of later batches
        version, known = -1, {}
    found = {**known, **origins_since(bronze, version)}
    _KNOWN_TABLE_IDS[table] = (_commit(bronze, bronze.version), found)
    return found


def _commit(bronze: Snapshot, version: int) -> dict[str, Any] | None:
    """The commit that made a version, as the log has it; None where it has none."""
    return next((commit for commit in commits_since(bronze, version - 1) if commit["version"] == version), None)


def _ids(ends: Mapping[str, int], end: int) -> Collection[str]:
    return [batch_id for batch_id, its_end in ends.items() if its_end == end]

"""Batches that wait: Bronze holds them, and Silver has not settled them.

Belongs here: which wait for a window that is missing, which for a run or a person, and from when on that is told.
Does not: the words of an alert or of an entry, or which batch is judged next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.ledger import Ledger

GAP_PATIENCE = timedelta(hours=1)
"""A window that ended only just now may still be followed by the one before it."""
RUN_PATIENCE = timedelta(days=1)
"""What Bronze has only just got is judged by the next run of Silver, which may be one of every night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingBatch:
    """A batch of a Silver table that waits for a window that is missing, and where its own window ends.

    `covered_until` is where the missing window begins; None: no full batch has begun the chain.
    """

    table: str
    batch_id: str
    word: str
    why: str
    to_at: datetime
    covered_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledBatch:
    """The first batch of a Silver table that no window is missing for, and that is not settled; `more` come after it.

    The gate holds it, or nobody has run Silver; Bronze has it `since` then.
    """

    table: str
    batch_id: str
    word: str
    more: int
    since: datetime

    def __str__(self) -> str:
        """Say it for people."""
        others = f", and {self.more} more" if self.more else ""
        return f"{self.word} {self.batch_id} has waited to be published since {self.since:%Y-%m-%d %H:%M} UTC{others}"


UNSETTLED_DO = "run the table; if the gate stops it, accept or reject it"


def waiting_batches(ledgers: Iterable[Ledger]) -> list[WaitingBatch]:
    """The batches that Bronze holds and Silver cannot judge, as a window before them is missing."""
    found: list[WaitingBatch] = []
    for ledger in ledgers:
        ends = {batch.id: batch.covers_to for batch in ledger.pending}
        found += [
            WaitingBatch(
                table=ledger.loaded.table.name,
                batch_id=gap.batch_id,
                word=gap.word,
                why=str(gap),
                to_at=ends[gap.batch_id],
                covered_until=gap.covered_until,
            )
            for gap in ledger.gaps
        ]
    return found


def late_gaps(waiting: Iterable[WaitingBatch], now: datetime) -> Iterator[WaitingBatch]:
    """The first batch that waits for each missing window, of those whose own window ended GAP_PATIENCE ago."""
    seen = set[tuple[str, datetime | None]]()
    for batch in waiting:
        missing = (batch.table, batch.covered_until)
        if missing not in seen and now - batch.to_at >= GAP_PATIENCE:
            seen.add(missing)
            yield batch


def unsettled_batches(lakehouse: Lakehouse, ledgers: Iterable[Ledger], now: datetime) -> Iterator[UnsettledBatch]:
    """One for each table of which such a batch has been in Bronze for RUN_PATIENCE, however long ago it was judged."""
    for ledger in ledgers:
        table, behind_gaps = ledger.loaded.table, {gap.batch_id for gap in ledger.gaps}
        waiting = [batch for batch in ledger.pending if batch.id not in behind_gaps]
        if not waiting or (version := waiting[0].version) is None:
            continue
        commits = commits_since(lakehouse.open(bronze_table(table.short_name)), version - 1)
        if not commits:  # the log no longer has it: nobody knows since when
            continue
        since = datetime.fromtimestamp(commits[-1]["timestamp"] / 1000, UTC)
        if now - since >= RUN_PATIENCE:
            yield UnsettledBatch(
                table=table.name, batch_id=waiting[0].id, word=ledger.word, more=len(waiting) - 1, since=since
            )

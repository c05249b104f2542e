"""Warnings about the chain of a table's batches: what is not wrong, and may mean that writes are missing.

Belongs here: finding them in ledgers, and their words.
Does not: batches that wait, or were refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medallion_assets.errors.counted import number_of
from medallion_assets.refining.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainWarning:
    """What is to be known of the batches of a judged table."""

    table: str
    what: str
    do: str | None = None

    def __str__(self) -> str:
        """As one sentence."""
        return f"{self.table}: {self.what}" + ("" if self.do is None else f"; {self.do}")


def chain_warnings(ledgers: Iterable[Ledger]) -> list[ChainWarning]:
    """Where writes may be in no batch, as a window begins within a full batch's minute (C1), or do not count (B3)."""
    found = []
    for ledger in ledgers:
        table = ledger.loaded.table.name
        if (minute := ledger.unprotected_minute) is not None:
            found.append(ChainWarning(table=table, what=minute.what, do=minute.do))
        if outdated := ledger.outdated:
            latest = max(outdated, key=lambda batch: batch.order)
            what = (
                f"{number_of(len(outdated), ledger.word)} of a former table {'is' if len(outdated) == 1 else 'are'} "
                f"ignored, the latest {latest.id}, as none counts that begins after its successor's full {ledger.word}"
            )
            found.append(ChainWarning(table=table, what=what))
    return found

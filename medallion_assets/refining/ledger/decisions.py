"""Decisions of people about batches: accept, reject, or confirm a table that was made anew (rules C4, B3).

Belongs here: the `operations.decisions` table, written before a stage acts on it and read by every later run.
Does not: acting on a decision.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Annotated

import polars as pl

from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.row_tables.rows import commit_rows, read_rows, row_table, rows_of
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError


class DecisionAction(StrEnum):
    """What a person can decide."""

    ACCEPT = "accept"
    """Quarantine the batch's bad rows and apply the rest."""
    REJECT = "reject"
    """An incremental batch then counts as covered and empty, a full one as never delivered."""
    CONFIRM_TABLE = "confirm_table"
    """The table was made anew on purpose; go on loading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision; the first one about a subject holds."""

    table_name: Annotated[str, "the table that the batch belongs to, without its layer"]
    subject: Annotated[str, "the id of the batch; for confirm_table the new table id"]
    action: Annotated[DecisionAction, "accept, reject or confirm_table"]
    reason: Annotated[str, "why, in the person's words"]
    decided_by: Annotated[str, "who"]
    decided_at: Annotated[datetime, "when"]


DECISIONS = row_table(
    Decision,
    name="operations.decisions",
    description="What people decided about batches, with who, when and why.",
)


def read_decisions(lakehouse: Lakehouse, table_name: str) -> dict[str, Decision]:
    """The decisions about one table's batches, by subject; of several about one subject the first."""
    return _first_ones(read_rows(lakehouse, DECISIONS, pl.col("table_name") == table_name))


def record_decisions(lakehouse: Lakehouse, decisions: Collection[Decision]) -> None:
    """Record decisions that are not known yet, in one commit.

    Raises:
        PermanentError: a decision says otherwise than one that is recorded; what was decided has had its effect.
    """

    def record() -> None:
        snapshot = lakehouse.ready(DECISIONS)  # read and committed on one version: of two who differ one is told
        recorded = rows_of(DECISIONS, snapshot.scan().collect())
        new = [decision for decision in decisions if _is_new(decision, recorded)]
        if new:
            commit_rows(snapshot, DECISIONS, new)

    until_committed(record)


def _first_ones(decisions: Collection[Decision]) -> dict[str, Decision]:
    return {decision.subject: decision for decision in sorted(decisions, key=attrgetter("decided_at"), reverse=True)}


def _is_new(decision: Decision, recorded: Collection[Decision]) -> bool:
    same_table = [known for known in recorded if known.table_name == decision.table_name]
    known = _first_ones(same_table).get(decision.subject)
    if known is not None and known.action != decision.action:
        raise PermanentError(
            f"{decision.subject} was decided before",
            where=decision.table_name,
            expected=f"no other decision than {known.action} by {known.decided_by} at {known.decided_at}",
            found=decision.action,
            do="leave it out of the run config",
        )
    return known is None

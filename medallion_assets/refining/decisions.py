"""Decisions of people about exports: accept, reject, or confirm a table that was made anew (rules C4, B3).

Belongs here: the `operations.decisions` table, written before a stage acts on it and read by every later run.
Does not: acting on a decision (refining.refine, refining.load).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from medallion_assets.contracts.table import Column, Table, Text, TimestampUtc
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError

DECISIONS = Table(
    name="operations.decisions",
    description="What people decided about exports, with who, when and why.",
    columns=(
        Column("table_name", Text(), "the table the export belongs to, without its layer"),
        Column("subject", Text(), "the export id; for confirm_table the new table id"),
        Column("action", Text(), "accept, reject or confirm_table"),
        Column("reason", Text(), "why, in the person's words"),
        Column("decided_by", Text(), "who"),
        Column("decided_at", TimestampUtc(), "when"),
    ),
)


class Action(StrEnum):
    """What a person can decide."""

    ACCEPT = "accept"
    """Quarantine the export's bad rows and apply the rest."""
    REJECT = "reject"
    """An incremental export then counts as covered and empty, a full one as never delivered."""
    CONFIRM_TABLE = "confirm_table"
    """The table was made anew on purpose; go on loading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision; the first one about a subject holds."""

    table_name: str
    subject: str
    action: Action
    reason: str
    decided_by: str
    decided_at: datetime


def read_decisions(lakehouse: Lakehouse, table_name: str) -> dict[str, Decision]:
    """The decisions about one table's exports, by subject; of several about one subject the first."""
    return _decisions(lakehouse.open(DECISIONS), table_name) if lakehouse.exists(DECISIONS) else {}


def _decisions(recorded: Snapshot, table_name: str) -> dict[str, Decision]:
    rows = recorded.scan().filter(pl.col("table_name") == table_name).sort("decided_at", descending=True)
    return {
        row["subject"]: Decision(**{**row, "action": Action(row["action"])})
        for row in rows.collect().iter_rows(named=True)
        if row["action"] in set(Action)  # of a later release, or another writer: nothing that this one can follow
    }


def record_decisions(lakehouse: Lakehouse, decisions: Collection[Decision]) -> None:
    """Record decisions that are not known yet, in one commit.

    Raises:
        PermanentError: a decision says otherwise than one that is recorded; what was decided has had its effect.
    """

    def record() -> None:
        snapshot = lakehouse.ready(DECISIONS)  # read and committed on one version: of two who differ one is told
        new = []
        for decision in decisions:
            known = _decisions(snapshot, decision.table_name).get(decision.subject)
            if known is None:
                new.append(decision)
            elif known.action != decision.action:
                raise PermanentError(
                    f"{decision.table_name}: export {decision.subject} was decided before",
                    expected=f"no other decision than {known.action} by {known.decided_by} at {known.decided_at}",
                    found=decision.action,
                    do="leave this export out of the run config",
                )
        if not new:
            return
        rows = pl.DataFrame([asdict(decision) for decision in new], schema=polars_schema(DECISIONS))
        snapshot.commit([snapshot.stage(rows.lazy())])

    until_committed(record)

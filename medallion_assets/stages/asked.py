"""What a person may ask of a run: plain values with their defaults, checked.

Belongs here: the fields and their meaning.
Does not: Dagster's run config, which is made of them, or doing what they ask for.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from medallion_assets.contracts.beside import bronze_name
from medallion_assets.contracts.table import Table
from medallion_assets.errors.reasons import expect_reason
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction


class Asked(BaseModel):
    """What all of them share: unknown fields are refused, and nothing is changed later."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AskedRebuild(Asked):
    """Asks for a rebuild of the whole table, before the run does what it always does; nothing without `why`."""

    why: str = Field(default="", description="why the table is rebuilt; recorded in the commit")
    dry_run: bool = Field(default=False, description="show what would change, without changing anything")

    def choices(self) -> dict[str, bool]:
        """What else the rebuild of such a table takes, by name."""
        return {}


class AskedJudgedRebuild(AskedRebuild):
    """The same for a table with a quality gate."""

    accept_all: bool = Field(default=False, description="accept batches that fail the gate under the current contract")
    drop_lost: bool = Field(
        default=False, description="continue without batches that are in Silver and lost from Bronze"
    )

    def choices(self) -> dict[str, bool]:
        """Both of its own."""
        return {"accept_all": self.accept_all, "drop_lost": self.drop_lost}


class AskedLoad(Asked):
    """Of a Bronze table. Nothing is needed; every complete batch that is not in is loaded."""

    confirm_table_id: str = Field(
        default="", description="the new tableId of a DynamoDB table that was dropped and recreated on purpose"
    )
    reason: str = Field(default="", description="why; recorded with the decision")
    exports: list[str] = Field(
        default=[], description="load only these batches; empty: every one that is not loaded yet"
    )
    rebuild: AskedRebuild = Field(default=AskedRebuild(), description="read loaded batches again")

    def decisions(self, table_name: str, *, by: str, at: datetime) -> list[Decision]:
        """The decision that is asked for, if there is one (rule B3).

        Raises:
            PermanentError: it has no reason.
        """
        if not self.confirm_table_id:
            return []
        about, where = f"the decision about table {self.confirm_table_id}", bronze_name(table_name)
        expect_reason(about, self.reason, where=where, do="give a reason in the run config")
        return [
            Decision(
                table_name=table_name,
                subject=self.confirm_table_id,
                action=DecisionAction.CONFIRM_TABLE,
                reason=self.reason,
                decided_by=by,
                decided_at=at,
            )
        ]


class BatchDecision(Asked):
    """A person's decision about one batch (rule C4)."""

    export_id: str
    reason: str


class AskedJudging(Asked):
    """Of a judged Silver table. Nothing is needed; every batch that can be settled is."""

    threshold: float | None = Field(default=None, ge=0, le=1, description="share of good records, for this run only")
    min_bad_records: int | None = Field(
        default=None,
        ge=0,
        description="an export with fewer bad records passes, whatever its share (contract: 10); for this run only",
    )
    accept: list[BatchDecision] = Field(default=[], description="batches to publish although they fail the gate")
    reject: list[BatchDecision] = Field(default=[], description="batches to leave out for good")
    rebuild: AskedJudgedRebuild = Field(
        default=AskedJudgedRebuild(), description="judge loaded batches again, by the current contract"
    )

    def decisions(self, table: Table, *, by: str, at: datetime) -> list[Decision]:
        """The decisions that are asked for."""
        return [
            Decision(
                table_name=table.short_name,
                subject=decision.export_id,
                action=action,
                reason=decision.reason,
                decided_by=by,
                decided_at=at,
            )
            for action, named in ((DecisionAction.ACCEPT, self.accept), (DecisionAction.REJECT, self.reject))
            for decision in named
        ]


class AskedDeriving(Asked):
    """Of a table that is made from tables."""

    rebuild: AskedRebuild = Field(default=AskedRebuild(), description="rebuild the whole table")


class AskedPublishing(Asked):
    """Of a serving table."""

    target_wcu: float = Field(default=500, gt=0, description="write capacity units per second that publishing may use")

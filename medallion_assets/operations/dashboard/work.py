"""Work: how long stages took, and how fast they published.

Belongs here: these figures, from operations.pipeline_runs.
Does not: drawing, or quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.dashboard.quality import POINTS
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.pipeline_runs import Outcome

OVER_BUDGET = 1.05
"""A publish counts as over its budget from here on; the limiter keeps it to within a few per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """The attempts of a stage, in seconds: those that succeeded, and the last one whatever became of it.

    Where none succeeded, the last one stands for all.
    """

    stage: str
    fastest: float
    median: float
    slowest: float
    last: float
    outcome: Outcome
    attempts: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """A publish: write capacity units a second that it was charged, and how many it might use."""

    at: datetime
    rate: float
    budget: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The publishes of a serving table, ascending."""

    table: str
    publishes: Sequence[Charged]

    @property
    def over(self) -> int:
        """How many went over their budget."""
        return sum(publish.rate > publish.budget * OVER_BUDGET for publish in self.publishes)


def durations_of(facts: DashboardFacts) -> list[Duration]:
    """Each stage that was tried, in the order in which data flow."""
    found = []
    for stage in stages(facts.catalog):
        own = facts.attempts.filter(pl.col("stage") == stage.table.name)
        if not own.height:
            continue
        last = own.row(-1, named=True)
        succeeded = own.filter(pl.col("outcome") == Outcome.SUCCEEDED.value)["duration_seconds"]
        took = sorted(succeeded) or [last["duration_seconds"]]
        found.append(
            Duration(
                stage=stage.table.name,
                fastest=took[0],
                median=took[len(took) // 2],
                slowest=took[-1],
                last=last["duration_seconds"],
                outcome=Outcome(last["outcome"]),
                attempts=own.height,
                failed=own.height - succeeded.len(),
            )
        )
    return found


def budgets_of(facts: DashboardFacts) -> list[Budget]:
    """Each serving table that was published to."""
    published = facts.attempts.filter(pl.col("consumed_wcu") > 0, pl.col("publishing_seconds") > 0).with_columns(
        rate=pl.col("consumed_wcu") / pl.col("publishing_seconds"), budget=pl.col("target_wcu").fill_null(0.0)
    )
    return [
        Budget(
            table=stage.table.name,
            publishes=[
                Charged(at=at, rate=rate, budget=budget)
                for at, rate, budget in own.select("started_at", "rate", "budget").iter_rows()
            ],
        )
        for stage in stages(facts.catalog)
        if (own := published.filter(pl.col("stage") == stage.table.name).tail(POINTS)).height
    ]

"""Delay: how old the newest batch was when readers had it.

Belongs here: these figures, from operations.pipeline_runs.
Does not: drawing, or what is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.dashboard.quality import POINTS
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.pipeline_runs import ENDED_AT


@dataclass(frozen=True, kw_only=True)
class Delay:
    """A table that readers read: when a run brought a new batch, and how old that was then, in seconds; ascending.

    `limit_seconds` is how old it may be; None where nothing promises it. There are no ages where it `is_unknown`: the
    table was made, and its data cover nothing yet, or nobody says how far they reach. Nor are there of samples (rule
    V5), which `is_sample` says. `word`: what a batch is called.
    """

    table: str
    word: str
    ages: Sequence[tuple[datetime, float]]
    limit_seconds: float | None
    is_sample: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether nobody says how old a batch is."""
        return not self.ages and not self.is_sample


def delays_of(facts: DashboardFacts) -> list[Delay]:
    """Each table that readers read and that brought a new batch, or of which no run can say how old one was."""
    reached = {fresh.table for fresh in facts.status.freshness if fresh.covered_until or fresh.last_refreshed is None}
    sampled = _made_of_samples(facts)
    said = facts.attempts.filter(pl.col("export_age_seconds") > 0).with_columns(ended_at=ENDED_AT)
    return [
        Delay(
            table=stage.table.name,
            word=facts.catalog.batch_word(stage.table.name),
            ages=list(own.select("ended_at", "export_age_seconds").iter_rows()),
            limit_seconds=None if stage.export_age_hours is None else stage.export_age_hours * 3600,
            is_sample=stage.table.name in sampled and own.is_empty(),
        )
        for stage in stages(facts.catalog)
        if stage.is_read
        and (
            (own := said.filter(pl.col("stage") == stage.table.name).sort("ended_at").tail(POINTS)).height
            or stage.table.name in sampled
            or stage.table.name not in reached
        )
    ]


def _made_of_samples(facts: DashboardFacts) -> set[str]:
    """The tables that were made, in a lakehouse of samples."""
    if facts.status.identity is None or not facts.status.identity.is_sample:
        return set()
    return {fresh.table for fresh in facts.status.freshness if fresh.last_refreshed is not None}

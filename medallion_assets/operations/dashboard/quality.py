"""Quality: the share of good records over time, and why records were bad.

Belongs here: these figures as pictures need them.
Does not: which records count, judging, or drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.dashboard.held import KINDS_OF_BAD, held_batches
from medallion_assets.operations.quality import published_scores

POINTS = 100
"""A picture shows so many of the newest marks of a kind at most."""
MOST_REASONS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of a run (`export_id` is None), or of a batch that was held; `is_exact`: else it was lower still."""

    at: datetime
    score: float
    export_id: str | None = None
    is_exact: bool = True


@dataclass(frozen=True, kw_only=True)
class QualityHistory:
    """A judged table: its runs with the mean of the 7 days before each, and its held batches, ascending.

    `word` is what people call one of these.
    """

    table: str
    word: str
    threshold: float
    quality: float | None
    runs: Sequence[Score]
    means: Sequence[tuple[datetime, float]]
    held: Sequence[Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """How many records had it: in quarantine, and in batches that the gate holds."""

    reason: str
    table: str
    quarantined: int
    held: int


def quality_histories(facts: DashboardFacts) -> list[QualityHistory]:
    """Each judged table that judged something."""
    scores, held = published_scores(facts.attempts, facts.results), held_batches(facts.results)
    found = []
    for stage in facts.status.stages:
        if stage.quality_threshold is None:
            continue
        own = scores.filter(pl.col("stage") == stage.stage)
        week = [pl.col(name).rolling_sum_by("at", "7d") for name in ("good", "records")]
        runs = own.with_columns(mean=week[0] / week[1]).tail(POINTS) if own.height else own.with_columns(mean=None)
        stopped = held.filter(pl.col("table_name") == stage.stage).tail(POINTS)
        if runs.height or stopped.height:
            found.append(
                QualityHistory(
                    table=stage.stage,
                    word=facts.catalog.batch_word(stage.stage),
                    threshold=stage.quality_threshold,
                    quality=stage.quality,
                    runs=[
                        Score(at=at, score=good / records)
                        for at, good, records in runs.select("at", "good", "records").iter_rows()
                    ],
                    means=list(runs.select("at", "mean").iter_rows()),
                    held=[
                        Score(
                            at=row["judged_at"],
                            score=row["score"],
                            export_id=row["export_id"],
                            is_exact=row["is_exact"],
                        )
                        for row in stopped.iter_rows(named=True)
                    ],
                )
            )
    return found


def reasons_of(facts: DashboardFacts) -> list[Reason]:
    """Why records are in quarantine or held, the most frequent first; each batch counts as it was last judged."""
    last = (
        facts.results.sort("judged_at", "run_id")
        .unique(["table_name", "export_id", "expectation"], keep="last", maintain_order=True)
        .filter(pl.col("kind").is_in(KINDS_OF_BAD), pl.col("failed") > 0)
    )
    counted = last.group_by("expectation", "table_name").agg(
        pl.col("failed").filter("is_published").sum().alias("quarantined"),
        pl.col("failed").filter(~pl.col("is_published")).sum().alias("held"),
    )
    ordered = counted.sort(
        pl.col("quarantined") + pl.col("held"), "table_name", "expectation", descending=[True, False, False]
    )
    return [
        Reason(reason=row["expectation"], table=row["table_name"], quarantined=row["quarantined"], held=row["held"])
        for row in ordered.iter_rows(named=True)
    ]

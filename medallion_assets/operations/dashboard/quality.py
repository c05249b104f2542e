"""Quality: the share of good records over time, and why records were bad.

Belongs here: these figures, from operations.pipeline_runs and operations.expectation_results.
Does not: judging, or drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from medallion_assets.operations.dashboard.facts import Facts
from medallion_assets.operations.dashboard.held import KINDS_OF_BAD, held_exports
from medallion_assets.operations.pipeline_runs import JUDGED

POINTS = 100
"""A picture shows so many of the newest marks of a kind at most."""
MOST_REASONS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of a run (`export_id` is None), or of an export that was held; `is_exact`: else it was lower still."""

    at: datetime
    score: float
    export_id: str | None = None
    is_exact: bool = True


@dataclass(frozen=True, kw_only=True)
class QualityHistory:
    """A judged table: its runs with the mean of the 7 days before each, and its held exports, ascending."""

    table: str
    threshold: float
    quality: float | None
    runs: Sequence[Score]
    means: Sequence[tuple[datetime, float]]
    held: Sequence[Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """How many records had it: in quarantine, and in exports that the gate holds."""

    reason: str
    table: str
    quarantined: int
    held: int


def quality_histories(facts: Facts) -> list[QualityHistory]:
    """Each judged table that judged something."""
    scored, held = facts.attempts.filter(JUDGED), held_exports(facts.results)
    good, judged = pl.col("quality_score") * pl.col("records_in"), pl.col("records_in")
    found = []
    for stage in facts.status.stages:
        if stage.quality_threshold is None:
            continue
        own = scored.filter(pl.col("stage") == stage.stage)
        week = good.rolling_sum_by("started_at", "7d") / judged.rolling_sum_by("started_at", "7d")
        runs = own.with_columns(mean=week).tail(POINTS) if own.height else own.with_columns(mean=pl.lit(None))
        stopped = held.filter(pl.col("table_name") == stage.stage).tail(POINTS)
        if runs.height or stopped.height:
            found.append(
                QualityHistory(
                    table=stage.stage,
                    threshold=stage.quality_threshold,
                    quality=stage.quality,
                    runs=[
                        Score(at=at, score=score)
                        for at, score in runs.select("started_at", "quality_score").iter_rows()
                    ],
                    means=list(runs.select("started_at", "mean").iter_rows()),
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


def reasons_of(facts: Facts) -> list[Reason]:
    """Why records are in quarantine or held, the most frequent first; each export counts as it was last judged."""
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

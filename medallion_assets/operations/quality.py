"""Quality: the share of good records among those that were published.

Belongs here: which records count, whatever became of the attempt that published them.
Does not: judging, or what the gate holds: that is judged again when a person has decided.

An attempt may publish some batches and then fail: at the next one that the gate holds, or at anything else. What it
published counts batch by batch, as operations.expectation_results have it. Releases before this one left no score of
a batch there: of their runs the attempts that succeeded count, as a whole.
"""

from __future__ import annotations

import polars as pl

from medallion_assets.operations.tables.expectation_results import QUALITY
from medallion_assets.operations.tables.pipeline_runs import Outcome

RUN = ("run_id", "stage")
WHOLE = pl.col("quality_score").is_between(0, 1) & (pl.col("records_in") > 0) & (pl.col("outcome") == Outcome.SUCCEEDED)


def published_scores(attempts: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """What each run published of each judged table, ascending by time: rows of PIPELINE_RUNS and EXPECTATION_RESULTS.

    Columns: run_id, job, stage, at (when it was judged), records (over 0), good (of these).
    """
    jobs = attempts.select(*RUN, "job").unique(RUN, keep="last", maintain_order=True)
    batches = results.filter(pl.col("expectation") == QUALITY, pl.col("is_published")).unique(
        ["run_id", "table_name", "export_id"], keep="last", maintain_order=True
    )
    of_results = (
        batches.group_by("run_id", pl.col("table_name").alias("stage"))
        .agg(
            pl.col("judged_at").max().alias("at"),
            (pl.col("passed") + pl.col("failed")).sum().alias("records"),
            pl.col("passed").sum().cast(pl.Float64).alias("good"),
        )
        .join(jobs, on=RUN, how="left")
    )
    of_attempts = attempts.filter(WHOLE).join(of_results, on=RUN, how="anti")
    columns = ("run_id", "job", "stage", "at", "records", "good")
    return (
        pl.concat(
            [
                of_results.select(columns),
                of_attempts.select(
                    "run_id",
                    "job",
                    "stage",
                    pl.col("started_at").alias("at"),
                    pl.col("records_in").alias("records"),
                    (pl.col("quality_score") * pl.col("records_in")).alias("good"),
                ),
            ]
        )
        .filter(pl.col("records") > 0)
        .sort("at", "run_id", "stage")
    )


def quality(scores: pl.DataFrame) -> float | None:
    """The share of good records over all of some published ones (`published_scores`); None where there are none."""
    return float(scores["good"].sum()) / int(scores["records"].sum()) if scores.height else None

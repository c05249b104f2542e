"""Batches that the gate held: with their true score.

Belongs here: finding them in operations.expectation_results.
Does not: what is done about them, or drawing them.
"""

from __future__ import annotations

import polars as pl

from medallion_assets.contracts.expectations import Action
from medallion_assets.operations.tables.expectation_results import GATE, QUALITY, TYPE

KINDS_OF_BAD = (str(Action.DROP), str(Action.FAIL), TYPE)


def held_batches(results: pl.DataFrame) -> pl.DataFrame:
    """The batches that failed the gate when they were last judged; `results` has the columns of EXPECTATION_RESULTS.

    Columns: table_name, export_id, judged_at, score, is_exact; ascending by judged_at. Results of an earlier release do
    not have a batch's own score: then it is the best that its rules leave, and not exact.
    """
    is_score = pl.col("expectation") == QUALITY
    of_rules = pl.col("kind").is_in((*KINDS_OF_BAD, GATE)) & ~is_score
    last = results.filter(pl.col("judged_at") == pl.col("judged_at").max().over("table_name", "export_id"))
    share = pl.col("passed") / (pl.col("passed") + pl.col("failed"))
    return (
        last.filter(~pl.col("is_published"), of_rules | is_score)
        .with_columns(share.fill_nan(None).alias("share"))
        .group_by("table_name", "export_id", "judged_at")
        .agg(
            pl.coalesce(pl.col("share").filter(is_score).min(), pl.col("share").filter(of_rules).min()).alias("score"),
            is_score.any().alias("is_exact"),
        )
        .drop_nulls("score")
        .sort("judged_at", "table_name", "export_id")
        .select("table_name", "export_id", "judged_at", "score", "is_exact")
    )

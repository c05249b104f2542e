"""Charts of quality: the share of good records over time, and why records were bad.

Belongs here: figures from operations.expectation_results, and the scores in operations.pipeline_runs.
Does not: judging.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from medallion_assets.contracts.expectations import Action
from medallion_assets.operations.dashboard.charts import (
    BLUE,
    GREEN,
    ORANGE,
    POINTS,
    RED,
    Chart,
    Span,
    add_points,
    figure_over,
    hover_text,
    plain_figure,
)
from medallion_assets.operations.expectation_results import GATE, TYPE
from medallion_assets.operations.pipeline_runs import JUDGED
from medallion_assets.operations.status import StageStatus

REASONS = 15
"""The reasons that are shown, the most frequent first."""
KINDS_OF_BAD = (str(Action.DROP), str(Action.FAIL), TYPE)


def quality_charts(
    attempts: pl.DataFrame, results: pl.DataFrame, stages: Sequence[StageStatus], span: Span
) -> list[Chart]:
    """For each judged table, the share of good records of each run and of the 7 days before it, and the threshold.

    An export that failed the gate is shown with the share that its most frequent reason alone leaves: of its records,
    or of the table's rows where it would delete too many.
    """
    scored = attempts.filter(JUDGED)
    held = held_exports(results)
    return [
        _quality(
            stage, stage.quality_threshold, scored.filter(stage=stage.stage), held.filter(table_name=stage.stage), span
        )
        for stage in stages
        if stage.quality_threshold is not None and (stage.stage in scored["stage"] or stage.stage in held["table_name"])
    ]


def held_exports(results: pl.DataFrame) -> pl.DataFrame:
    """The last time that each export failed the gate: table_name, export_id, judged_at, score (at most)."""
    return (
        results.filter(~pl.col("is_published"), pl.col("kind").is_in((*KINDS_OF_BAD, GATE)))
        .with_columns(score=pl.col("passed") / (pl.col("passed") + pl.col("failed")))
        .drop_nans("score")
        .group_by("table_name", "export_id")
        .agg(pl.col("judged_at").max(), pl.col("score").min())
        .sort("judged_at", "table_name", "export_id")
    )


def _quality(stage: StageStatus, threshold: float, scored: pl.DataFrame, held: pl.DataFrame, span: Span) -> Chart:
    figure = figure_over(span)
    good, judged = pl.col("quality_score") * pl.col("records_in"), pl.col("records_in")
    week = good.rolling_sum_by("started_at", "7d") / judged.rolling_sum_by("started_at", "7d")
    shown, held = scored.with_columns(mean=week).tail(POINTS), held.tail(POINTS)
    figure.add_scatter(
        x=shown["started_at"].to_list(),
        y=shown["quality_score"].to_list(),
        mode="markers",
        name="run",
        marker={"color": BLUE, "size": 7},
        hovertemplate="%{x|%d %b %H:%M}: %{y:.2%}<extra></extra>",
    )
    figure.add_scatter(
        x=shown["started_at"].to_list(),
        y=shown["mean"].to_list(),
        mode="lines",
        name="7 days",
        line={"color": GREEN, "width": 2},
        hovertemplate="7 days before: %{y:.2%}<extra></extra>",
    )
    add_points(
        figure,
        held["judged_at"],
        held["score"],
        name="held at the gate",
        colour=RED,
        symbol="x",
        hover=[_held_text(row) for row in held.iter_rows(named=True)],
    )
    figure.add_hline(y=threshold, line={"color": ORANGE, "dash": "dash", "width": 2})
    lowest = min([threshold, *shown["quality_score"], *held["score"]])
    figure.update_yaxes(tickformat=".1%", range=[lowest - (1 - lowest) * 0.15, 1 + (1 - lowest) * 0.1])
    last = "nothing judged in 7 days" if stage.quality is None else f"{stage.quality:.2%} in the last 7 days"
    note = f"{last}, threshold {threshold:.2%}, {held.height:,} held at the gate"
    return Chart(title=stage.stage, note=note, figure=figure)


def reasons_chart(results: pl.DataFrame) -> Chart | None:
    """Why records went to quarantine, or why an export was held at the gate; each export counts as last judged."""
    last = (
        results.sort("judged_at", "run_id")
        .unique(["table_name", "export_id", "expectation"], keep="last", maintain_order=True)
        .filter(pl.col("kind").is_in(KINDS_OF_BAD), pl.col("failed") > 0)
    )
    if not last.height:
        return None
    counted = last.group_by("table_name", "expectation").agg(
        quarantined=pl.col("failed").filter("is_published").sum(),
        held=pl.col("failed").filter(~pl.col("is_published")).sum(),
    )
    ordered = counted.with_columns(all=pl.col("quarantined") + pl.col("held")).sort(
        "all", "table_name", "expectation", descending=[True, False, False]
    )
    shown = ordered.head(REASONS).reverse()
    labels = [html.escape(f"{row['expectation']}  ({row['table_name']})") for row in shown.iter_rows(named=True)]
    figure = plain_figure(height=90 + 28 * shown.height)
    for name, colour, label in (("quarantined", RED, "in quarantine"), ("held", ORANGE, "held at the gate")):
        figure.add_bar(
            x=shown[name].to_list(),
            y=labels,
            orientation="h",
            name=label,
            marker={"color": colour},
            hovertemplate=f"%{{y}}: %{{x:,}} {label}<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    figure.update_yaxes(automargin=True, type="category")
    figure.update_xaxes(rangemode="tozero", tickformat="~s")
    note = f"{int(ordered['quarantined'].sum()):,} in quarantine, {int(ordered['held'].sum()):,} held at the gate"
    more = f"; the {REASONS} most frequent of {ordered.height} reasons" if ordered.height > REASONS else ""
    return Chart(title="Reasons", note=note + more, figure=figure)


def _held_text(row: Mapping[str, Any]) -> str:
    when = f"{row['judged_at']:%d %b %H:%M} UTC"
    return hover_text([f"{when}: held at the gate, {row['score']:.2%} at most", f"export {row['export_id']}"])

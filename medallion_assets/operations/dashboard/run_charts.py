"""Charts of runs: how long stages took, what went through them, and how fast they published.

Belongs here: figures from operations.pipeline_runs.
Does not: quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import polars as pl

from medallion_assets.operations.dashboard.charts import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    POINTS,
    PURPLE,
    RED,
    Chart,
    Span,
    add_points,
    figure_over,
    hover_text,
)
from medallion_assets.operations.pipeline_runs import Outcome

LAYERS = ("bronze", "silver", "gold", "serving")
OUTCOMES = {
    Outcome.SUCCEEDED: (BLUE, "circle"),
    Outcome.FAILED: (RED, "x"),
    Outcome.CANCELED: (GREY, "square"),
    Outcome.LOST: (PURPLE, "diamond"),
}
RECORDS = {"records_in": (BLUE, "in"), "records_out": (GREEN, "out"), "records_quarantined": (RED, "quarantined")}
FEWEST_DAYS = timedelta(days=6)
"""Fewer bars would be as broad as the chart."""
DAY_MILLISECONDS = 86_400_000
OVER_BUDGET = 1.05
"""A publish counts as over its budget from here on; the limiter keeps it to within a few per cent."""


def stages_of(attempts: pl.DataFrame) -> list[str]:
    """The stages that were tried, in the order in which data flows."""
    return sorted(attempts["stage"].unique(), key=lambda stage: (_layer_number(stage), stage))


def duration_charts(attempts: pl.DataFrame, span: Span) -> list[Chart]:
    """For each stage, how long its attempts took, and what became of them."""
    return [_durations(stage, attempts.filter(stage=stage).tail(POINTS), span) for stage in stages_of(attempts)]


def _durations(stage: str, attempts: pl.DataFrame, span: Span) -> Chart:
    figure = figure_over(span)
    for outcome, (colour, symbol) in OUTCOMES.items():
        some = attempts.filter(outcome=outcome.value)
        if some.height:
            hover = [_attempt_text(row) for row in some.iter_rows(named=True)]
            x, y = some["started_at"], some["duration_seconds"]
            add_points(figure, x, y, name=outcome.value, colour=colour, symbol=symbol, hover=hover)
    figure.update_yaxes(ticksuffix=" s", rangemode="tozero")
    took = sorted(attempts.filter(outcome=Outcome.SUCCEEDED.value)["duration_seconds"])
    usual = f"median {took[len(took) // 2]:,.1f} s" if took else "none succeeded"
    attempted = "1 attempt" if attempts.height == 1 else f"{attempts.height:,} attempts"
    note = f"{attempted}, {attempts.height - len(took):,} did not succeed; {usual}"
    return Chart(title=stage, note=note, figure=figure)


def record_charts(attempts: pl.DataFrame, span: Span) -> list[Chart]:
    """For each stage and day, what it read, wrote and put into quarantine."""
    names = list(RECORDS)
    days = attempts.group_by("stage", "run_date").agg(pl.col(names).sum()).sort("run_date")
    return [_records(stage, days.filter(stage=stage), span) for stage in stages_of(attempts)]


def _records(stage: str, days: pl.DataFrame, span: Span) -> Chart:
    half = timedelta(hours=12)  # a day's bars stand around its midnight
    since = min(span.since, span.now - FEWEST_DAYS)
    figure = figure_over(Span(since=_midnight(since) - half, now=_midnight(span.now) + half))
    shown = {name: label for name, label in RECORDS.items() if name != "records_quarantined" or days[name].sum()}
    width = DAY_MILLISECONDS * 0.8 / len(shown)
    for number, (name, (colour, label)) in enumerate(shown.items()):
        figure.add_bar(
            width=width,  # else the bars of a single day are as thin as a hair
            offset=(number - len(shown) / 2) * width,
            x=days["run_date"].to_list(),
            y=days[name].to_list(),
            name=label,
            marker={"color": colour},
            hovertemplate=f"%{{x|%d %b}}: %{{y:,}} {label}<extra></extra>",
        )
    figure.update_yaxes(rangemode="tozero", tickformat="~s")
    note = " · ".join(f"{int(days[name].sum()):,} {label}" for name, (_, label) in shown.items())
    return Chart(title=stage, note=note, figure=figure)


def publish_charts(attempts: pl.DataFrame, span: Span) -> list[Chart]:
    """For each serving table, the write capacity that publishing used a second, against its budget."""
    published = attempts.filter(pl.col("consumed_wcu") > 0, pl.col("publishing_seconds") > 0).with_columns(
        rate=pl.col("consumed_wcu") / pl.col("publishing_seconds")
    )
    return [_publishing(stage, published.filter(stage=stage).tail(POINTS), span) for stage in stages_of(published)]


def _publishing(stage: str, published: pl.DataFrame, span: Span) -> Chart:
    """The budget is drawn from edge to edge: each holds until the next run has another."""
    figure = figure_over(span)
    hover = [_published_text(row) for row in published.iter_rows(named=True)]
    add_points(figure, published["started_at"], published["rate"], name="used", colour=BLUE, hover=hover)
    figure.add_scatter(
        x=[span.since, *published["started_at"], span.now],
        y=[published["target_wcu"][0], *published["target_wcu"], published["target_wcu"][-1]],
        mode="lines",
        name="budget",
        line={"color": ORANGE, "dash": "dash", "shape": "hv", "width": 2},
        hovertemplate="budget: %{y:,.0f} WCU a second<extra></extra>",
    )
    figure.update_yaxes(rangemode="tozero")
    last = published.row(-1, named=True)
    over = published.filter(pl.col("rate") > pl.col("target_wcu") * OVER_BUDGET).height
    rate, target = f"{last['rate']:,.0f}", f"{last['target_wcu'] or 0:,.0f}"
    note = f"last {rate} of {target} WCU a second; {over:,} of {published.height:,} over budget by 5 % or more"
    return Chart(title=stage, note=note, figure=figure)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time.min, moment.tzinfo)


def _layer_number(stage: str) -> int:
    layer = stage.split(".", 1)[0]
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def _attempt_text(row: Mapping[str, Any]) -> str:
    parts = [
        f"{row['started_at']:%d %b %H:%M:%S} UTC, {row['duration_seconds']:,.1f} s, {row['outcome']}",
        f"run {row['run_id']}, attempt {row['attempt']}",
        row["partition"] or "",
        (row["error"] or "")[:120],
    ]
    return hover_text(parts)


def _published_text(row: Mapping[str, Any]) -> str:
    return hover_text(
        [
            f"{row['started_at']:%d %b %H:%M} UTC: {row['rate']:,.0f} WCU a second",
            f"{row['consumed_wcu']:,.0f} WCU, {row['records_out'] or 0:,} items in {row['publishing_seconds']:,.1f} s",
            row["partition"] or "",
        ]
    )

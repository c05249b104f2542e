"""The dashboard's figures: every point is a fact that was planted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl
import pytest

from medallion_assets.delta.rows import frame_of
from medallion_assets.operations.dashboard.charts import POINTS, Span, figure_over
from medallion_assets.operations.dashboard.quality_charts import quality_charts, reasons_chart
from medallion_assets.operations.dashboard.run_charts import duration_charts, publish_charts, record_charts
from medallion_assets.operations.expectation_results import EXPECTATION_RESULTS, ExpectationResult
from medallion_assets.operations.pipeline_runs import PIPELINE_RUNS, Outcome, StageAttempt
from medallion_assets.operations.status import stage_status
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets_tests.operations.dashboard.dashboard_page import HOUR, NOW, SALES, TRANSACTIONS, attempt, result
from medallion_assets_tests.pipeline import stage_of

SECOND = timedelta(seconds=1)
SPAN = Span(since=NOW - timedelta(days=30), now=NOW)


def attempts(*planted: StageAttempt) -> pl.DataFrame:
    """Planted attempts as the table gives them."""
    return frame_of(PIPELINE_RUNS, planted).sort("started_at")


def results(*planted: ExpectationResult) -> pl.DataFrame:
    """Planted results, judged one run after another."""
    rows = [
        replace(row, run_id=f"run-{number}", judged_at=NOW - HOUR + number * SECOND)
        for number, row in enumerate(planted)
    ]
    return frame_of(EXPECTATION_RESULTS, rows)


def traces(figure: go.Figure) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def quality(runs: pl.DataFrame, judged: pl.DataFrame) -> go.Figure:
    """The one chart of the transactions' quality."""
    (chart,) = quality_charts(runs, judged, [stage_status(stage_of(CUSTOMER_TRANSACTIONS), runs)], SPAN)
    return chart.figure


def test_an_attempt_is_a_point_in_the_colour_of_its_outcome() -> None:
    runs = attempts(
        *(
            attempt(TRANSACTIONS, hour, outcome=outcome, duration_seconds=hour * 10.0)
            for hour, outcome in enumerate(Outcome, start=1)
        )
    )
    (chart,) = duration_charts(runs, SPAN)
    drawn = traces(chart.figure)
    assert {name: trace.y for name, trace in drawn.items()} == {
        "succeeded": (10.0,),
        "failed": (20.0,),
        "canceled": (30.0,),
        "lost": (40.0,),
    }
    marks = {(trace.marker.color, trace.marker.symbol) for trace in drawn.values()}
    assert len(marks) == len(Outcome), "two outcomes look the same"
    assert "run run-1, attempt 1" in drawn["failed"].hovertext[0]


def test_stages_follow_the_data() -> None:
    runs = attempts(*(attempt(stage, 1) for stage in ("serving.a", "gold.a", "silver.b", "bronze.c", "silver.a")))
    titles = [chart.title for chart in duration_charts(runs, SPAN)]
    assert titles == ["bronze.c", "silver.a", "silver.b", "gold.a", "serving.a"]


def test_a_chart_shows_its_newest_points_alone() -> None:
    runs = attempts(*(attempt(TRANSACTIONS, hour / 10, duration_seconds=hour) for hour in range(POINTS + 5)))
    (chart,) = duration_charts(runs, SPAN)
    drawn = traces(chart.figure)["succeeded"].y
    assert (len(drawn), max(drawn)) == (POINTS, POINTS - 1)


def test_what_happened_just_now_is_not_cut_off() -> None:
    """A point at the very edge would be half a point."""
    (chart,) = duration_charts(attempts(attempt(TRANSACTIONS, 0)), SPAN)
    since, until = chart.figure.layout.xaxis.range
    assert since < SPAN.since.isoformat()
    assert until > SPAN.now.isoformat()


@pytest.mark.parametrize(("days", "labels"), [(30, "%d %b"), (1, "%H:%M\n%d %b")])
def test_a_short_span_is_labelled_with_times(days: int, labels: str) -> None:
    assert figure_over(Span(since=NOW - timedelta(days=days), now=NOW)).layout.xaxis.tickformat == labels


def test_records_are_summed_by_day() -> None:
    runs = attempts(
        attempt(TRANSACTIONS, 2, records_in=10, records_out=8, records_quarantined=2),
        attempt(TRANSACTIONS, 1, records_in=5, records_out=5, records_quarantined=0),
        attempt(TRANSACTIONS, 26, records_in=3, records_out=3, records_quarantined=0),
        attempt("gold.customer_ltv", 1, records_in=4, records_out=1, records_quarantined=0),
    )
    silver, gold = record_charts(runs, SPAN)
    drawn = {name: trace.y for name, trace in traces(silver.figure).items()}
    assert drawn == {"in": (3, 15), "out": (3, 13), "quarantined": (0, 2)}
    assert set(traces(gold.figure)) == {"in", "out"}, "Gold quarantines nothing"
    bars = [(trace.offset, trace.offset + trace.width) for trace in silver.figure.data]
    assert [end for _, end in bars[:-1]] == pytest.approx([begin for begin, _ in bars[1:]]), "side by side"


def test_quality_is_held_against_the_threshold() -> None:
    """The line of 7 days weighs runs by their records, and forgets what is older."""
    runs = attempts(
        attempt(TRANSACTIONS, 24 * 9, quality_score=0.5, records_in=1000),
        attempt(TRANSACTIONS, 2, quality_score=1.0, records_in=300),
        attempt(TRANSACTIONS, 1, quality_score=0.9, records_in=100),
        attempt(TRANSACTIONS, 0.5, quality_score=1.0, records_in=0),
    )
    figure = quality(runs, results())
    drawn = traces(figure)
    assert drawn["run"].y == (0.5, 1.0, 0.9)
    assert drawn["7 days"].y == pytest.approx((0.5, 1.0, 0.975))
    (threshold,) = figure.layout.shapes
    assert threshold.y0 == threshold.y1 == 0.98


def test_an_export_held_at_the_gate_shows_what_it_can_have_scored_at_best() -> None:
    """Its most frequent reason alone; a warning is no reason, and what was published is not held."""
    judged = results(
        result("amount_out_of_range", 10, is_published=False),
        result("currency_unsupported", 40, is_published=False),
        result("payment_method_unknown", 90, is_published=False, kind="expect"),
        result("currency_unsupported", 2, export_id="e2"),
    )
    held = traces(quality(attempts(), judged))["held at the gate"]
    assert held.y == (0.6,)
    assert "export e1" in held.hovertext[0]


def test_reasons_count_an_export_as_it_was_judged_last() -> None:
    """An export that was held and then accepted counts once; warnings do not."""
    judged = results(
        result("currency_unsupported", 40, is_published=False),
        result("currency_unsupported", 40),
        result("amount_out_of_range", 5, export_id="e2", is_published=False),
        result("payment_method_unknown", 90, kind="expect"),
        result("status_unknown", 0),
    )
    chart = reasons_chart(judged)
    assert chart is not None
    drawn = traces(chart.figure)
    reasons = [label.split(" ")[0] for label in drawn["in quarantine"].y]
    assert reasons == ["amount_out_of_range", "currency_unsupported"]
    assert drawn["in quarantine"].x == (0, 40)
    assert drawn["held at the gate"].x == (5, 0)


def test_a_publish_is_held_against_its_budget() -> None:
    """By the seconds in which it wrote; a publish that wrote nothing has no rate."""
    usual = {"target_wcu": 500.0, "publishing_seconds": 2.0, "duration_seconds": 60.0}
    runs = attempts(
        attempt(SALES, 3, consumed_wcu=900.0, **usual),
        attempt(SALES, 2, consumed_wcu=1100.0, **usual),
        attempt(SALES, 1, consumed_wcu=0.0, **usual),
    )
    (chart,) = publish_charts(runs, SPAN)
    drawn = traces(chart.figure)
    assert drawn["used"].y == (450.0, 550.0)
    assert set(drawn["budget"].y) == {500.0}
    assert (drawn["budget"].x[0], drawn["budget"].x[-1]) == (SPAN.since, SPAN.now), "one run alone has a line as well"
    assert "1 of 2 over budget" in chart.note


def test_nothing_is_drawn_of_nothing() -> None:
    none = attempts()
    assert duration_charts(none, SPAN) == record_charts(none, SPAN) == publish_charts(none, SPAN) == []
    assert quality_charts(none, results(), [stage_status(stage_of(CUSTOMER_TRANSACTIONS), none)], SPAN) == []
    assert reasons_chart(results()) is None

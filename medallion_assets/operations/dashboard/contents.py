"""Contents: what the page says, from top to bottom.

Belongs here: the order of the sections, those that are charts with their legends, and the figures at the top.
Does not: the tables, figures, reading the facts.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from medallion_assets.operations.dashboard.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Span
from medallion_assets.operations.dashboard.facts import Facts
from medallion_assets.operations.dashboard.listings import NEWEST, exports_section, failures_section, not_succeeded
from medallion_assets.operations.dashboard.quality_charts import quality_charts, reasons_chart
from medallion_assets.operations.dashboard.run_charts import duration_charts, publish_charts, record_charts
from medallion_assets.operations.sections import LegendEntry, Section, Tile
from medallion_assets.operations.status_sections import status_sections

OUTCOMES = (
    LegendEntry(BLUE, "●", "succeeded"),
    LegendEntry(RED, "✖", "failed"),
    LegendEntry(GREY, "■", "canceled"),
    LegendEntry(PURPLE, "◆", "lost"),
)


def sections_of(facts: Facts) -> list[Section]:
    """The whole page: first what may ask for a person, then how things went."""
    span = Span(since=facts.since, now=facts.now)
    return [
        *status_sections(facts.status, facts.incidents[: -NEWEST - 1 : -1], newest=f"the last {NEWEST} at most"),
        exports_section(facts),
        _quality(facts, span),
        _reasons(facts),
        _durations(facts, span),
        _records(facts, span),
        _publishing(facts, span),
        failures_section(facts),
    ]


def tiles_of(facts: Facts) -> list[Tile]:
    """The figures at the top."""
    yesterday = facts.now - timedelta(days=1)
    failed = not_succeeded(facts.attempts).filter(pl.col("started_at") > yesterday).height
    incidents = sum(incident.raised_at > yesterday for incident in facts.incidents)
    limited = [table for table in facts.status.freshness if table.sla_hours is not None]
    stale = sum(table.is_stale for table in limited)
    waiting = len(facts.refusals) + len(facts.gaps)
    return [
        Tile(figure=f"{stale} of {len(limited)}", label="tables stale", section="freshness", is_bad=stale > 0),
        Tile(figure=str(incidents), label="incidents in 24 hours", section="incidents", is_bad=incidents > 0),
        Tile(figure=str(waiting), label="exports refused or waiting", section="exports", is_bad=waiting > 0),
        Tile(figure=str(failed), label="failed attempts in 24 hours", section="failures", is_bad=failed > 0),
    ]


def _quality(facts: Facts, span: Span) -> Section:
    return Section(
        name="quality",
        title="Quality",
        lead="The share of good records of each run, and the threshold that an export has to reach. An export that was "
        "held at the gate is shown with the best score that it can have had.",
        nothing="Nothing has been judged yet.",
        charts=quality_charts(facts.attempts, facts.results, facts.status.stages, span),
        legend=(
            LegendEntry(BLUE, "●", "run"),
            LegendEntry(GREEN, "━", "the 7 days before"),
            LegendEntry(ORANGE, "╍", "threshold"),
            LegendEntry(RED, "✖", "held at the gate"),
        ),
    )


def _reasons(facts: Facts) -> Section:
    chart = reasons_chart(facts.results)
    return Section(
        name="reasons",
        title="Why records were bad",
        lead="Records that broke a rule or did not fit a type. A record with several reasons counts once for each.",
        nothing="No record was bad.",
        charts=[] if chart is None else [chart],
        legend=(LegendEntry(RED, "■", "in quarantine"), LegendEntry(ORANGE, "■", "held at the gate")),
    )


def _durations(facts: Facts, span: Span) -> Section:
    return Section(
        name="durations",
        title="Run durations",
        lead="Every attempt of each stage: when it began, how long it took, and what became of it.",
        nothing="No stage has run yet.",
        charts=duration_charts(facts.attempts, span),
        legend=OUTCOMES,
    )


def _records(facts: Facts, span: Span) -> Section:
    return Section(
        name="records",
        title="Records a day",
        lead="What each stage read, wrote, and put into quarantine, by UTC day.",
        nothing="No stage has run yet.",
        charts=record_charts(facts.attempts, span),
        legend=(LegendEntry(BLUE, "■", "in"), LegendEntry(GREEN, "■", "out"), LegendEntry(RED, "■", "quarantined")),
    )


def _publishing(facts: Facts, span: Span) -> Section:
    return Section(
        name="publishing",
        title="Publish rate against budget",
        lead="Write capacity units (WCU) that DynamoDB charged a second of publishing, and the budget of the run.",
        nothing="Nothing has been published yet.",
        charts=publish_charts(facts.attempts, span),
        legend=(LegendEntry(BLUE, "●", "used"), LegendEntry(ORANGE, "╍", "budget")),
    )

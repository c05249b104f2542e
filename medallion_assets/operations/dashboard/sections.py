"""Sections: what the page says, part by part.

Belongs here: which facts a section shows and in which words, and the figures at the top.
Does not: reading the facts (facts.py), figures (run_charts.py, quality_charts.py), or HTML (page.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from medallion_assets.lakehouse.pipeline_runs import Outcome
from medallion_assets.operations.dashboard.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Chart, Span
from medallion_assets.operations.dashboard.facts import Facts
from medallion_assets.operations.dashboard.quality_charts import quality_charts, reasons_chart
from medallion_assets.operations.dashboard.run_charts import duration_charts, publish_charts, record_charts

NEWEST = 20
"""Lists show so many rows, the newest first."""
OUTCOME_MARKS = ((BLUE, "●", "succeeded"), (RED, "✖", "failed"), (GREY, "■", "canceled"), (PURPLE, "◆", "lost"))


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of a legend."""

    colour: str
    symbol: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """Cells as a person reads them; a bad row is set off."""

    cells: tuple[str, ...]
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table."""

    columns: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page: charts, a table, or the words for having nothing to show."""

    name: str
    title: str
    lead: str
    nothing: str
    charts: Sequence[Chart] = ()
    legend: tuple[Mark, ...] = ()
    grid: Grid | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.charts and (self.grid is None or not self.grid.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure at the top, and the section that tells more."""

    figure: str
    label: str
    section: str
    is_bad: bool


def sections_of(facts: Facts) -> list[Section]:
    """The whole page: first what may ask for a person, then how things went."""
    span = Span(since=facts.since, now=facts.now)
    return [
        _freshness(facts),
        _stages(facts),
        _incidents(facts),
        _alerts(facts),
        _exports(facts),
        _quality(facts, span),
        _reasons(facts),
        _durations(facts, span),
        _records(facts, span),
        _publishing(facts, span),
        _failures(facts),
    ]


def tiles_of(facts: Facts) -> list[Tile]:
    """The figures at the top."""
    yesterday = facts.now - timedelta(days=1)
    failed = _not_succeeded(facts.attempts).filter(pl.col("started_at") > yesterday).height
    incidents = facts.incidents.filter(pl.col("raised_at") > yesterday).height
    limited = [one for one in facts.status.freshness if one.sla_hours is not None]
    stale = sum(one.is_stale for one in limited)
    waiting = len(facts.refusals) + len(facts.gaps)
    return [
        Tile(figure=f"{stale} of {len(limited)}", label="tables stale", section="freshness", is_bad=stale > 0),
        Tile(figure=str(incidents), label="incidents in 24 hours", section="incidents", is_bad=incidents > 0),
        Tile(figure=str(waiting), label="exports refused or waiting", section="exports", is_bad=waiting > 0),
        Tile(figure=str(failed), label="failed attempts in 24 hours", section="failures", is_bad=failed > 0),
    ]


def _freshness(facts: Facts) -> Section:
    rows = [
        Row(
            (
                one.table,
                "stale" if one.is_stale else "fresh" if one.sla_hours is not None else "",
                "never" if one.last_refreshed is None else _age(facts.now - one.last_refreshed),
                "" if one.sla_hours is None else f"{one.sla_hours:g} h",
                _minute(one.last_refreshed),
                "" if one.row_count is None else f"{one.row_count:,}",
            ),
            is_bad=one.is_stale,
        )
        for one in facts.status.freshness
        if one.last_refreshed is not None or one.is_stale
    ]
    return Section(
        name="freshness",
        title="Freshness",
        lead="How long ago each table was refreshed, and the age at which it counts as stale.",
        nothing="No table has been made yet: load an export, or run `medallion demo`.",
        grid=Grid(("table", "state", "age", "limit", "last refreshed (UTC)", "rows"), rows),
    )


def _alerts(facts: Facts) -> Section:
    rows = [
        Row((_minute(one["raised_at"]), one["kind"] or "", one["where"] or "", one["what"] or "", one["do"] or ""))
        for one in facts.status.alerts
    ]
    return Section(
        name="alerts",
        title="Alerts",
        lead="What people were told in the last 7 days, the newest first.",
        nothing="Nobody was alerted.",
        grid=Grid(("when (UTC)", "kind", "where", "what", "what to do"), rows),
    )


def _stages(facts: Facts) -> Section:
    last = [(one, one.last) for one in facts.status.stages]
    watermarks = {one.stage: one for one in facts.status.checkpoints}
    rows = [
        Row(
            (
                one.stage,
                "" if attempt is None else attempt.outcome.value,
                "" if attempt is None else _minute(attempt.started_at),
                f"{one.succeeded:,} of {one.attempts:,}" if one.attempts else "",
                "" if one.median_seconds is None else f"{one.median_seconds:,.1f} s",
                "" if one.quality is None else f"{one.quality:.2%}",
                watermarks[one.stage].watermark or "",
                str(watermarks[one.stage].waiting or ""),
            ),
            is_bad=one.is_broken or one.is_below_threshold,
        )
        for one, attempt in last
        if attempt is not None or watermarks[one.stage].watermark is not None
    ]
    return Section(
        name="stages",
        title="Stages",
        lead="What each stage did in the last 7 days, and how far it has come. Waiting are exports or versions that "
        "are not in yet.",
        nothing="No stage has run yet.",
        grid=Grid(
            ("stage", "last attempt", "at (UTC)", "succeeded", "median", "quality", "has come to", "waiting"), rows
        ),
    )


def _incidents(facts: Facts) -> Section:
    rows = [
        Row(
            (
                _minute(one["failed_at"]),
                one["stage"],
                one["error"],
                one["reasons"] or "",
                one["do"] or "",
                f"{one['run_id']} ({one['job']})",
            )
        )
        for one in _newest(facts.incidents)
    ]
    return Section(
        name="incidents",
        title="Incidents",
        lead=f"Stages that failed a run, and what was found out; the last {NEWEST} at most.",
        nothing="There was no incident.",
        grid=Grid(("when (UTC)", "stage", "error", "reasons", "what to do", "run"), rows),
    )


def _exports(facts: Facts) -> Section:
    refused = [
        Row((one.table_name, one.export_id, one.verdict, one.message, _minute(one.judged_at)), is_bad=True)
        for one in sorted(facts.refusals, key=lambda one: (one.judged_at, one.export_id, one.prefix), reverse=True)
    ]
    waiting = [Row((table, gap.export_id, "gap", str(gap), ""), is_bad=True) for table, gap in facts.gaps]
    rows = [*waiting, *refused]
    more = f" Shown are {NEWEST} of {len(rows)}." if len(rows) > NEWEST else ""
    return Section(
        name="exports",
        title="Exports refused or waiting",
        lead=f"Exports that are not in: refused as a whole, or behind a gap.{more}",
        nothing="No export is refused, and none waits behind a gap.",
        grid=Grid(("table", "export", "verdict", "why", "judged (UTC)"), rows[:NEWEST]),
    )


def _failures(facts: Facts) -> Section:
    rows = [
        Row(
            (
                _minute(one["started_at"]),
                one["stage"],
                one["outcome"],
                one["partition"] or "",
                one["error"] or "",
                f"{one['run_id']}, attempt {one['attempt']}",
            ),
        )
        for one in _newest(_not_succeeded(facts.attempts))
    ]
    return Section(
        name="failures",
        title="Failed attempts",
        lead=f"Attempts of stages that did not succeed, the last {NEWEST} at most.",
        nothing="No attempt failed." if facts.attempts.height else "No stage has run yet.",
        grid=Grid(("when (UTC)", "stage", "outcome", "days", "error", "run"), rows),
    )


def _quality(facts: Facts, span: Span) -> Section:
    return Section(
        name="quality",
        title="Quality",
        lead="The share of good records of each run, and the threshold that an export has to reach. An export that was "
        "held at the gate is shown with the best score that it can have had.",
        nothing="Nothing has been judged yet.",
        charts=quality_charts(facts.attempts, facts.results, facts.status.stages, span),
        legend=(
            Mark(BLUE, "●", "run"),
            Mark(GREEN, "━", "the 7 days before"),
            Mark(ORANGE, "╍", "threshold"),
            Mark(RED, "✖", "held at the gate"),
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
        legend=(Mark(RED, "■", "in quarantine"), Mark(ORANGE, "■", "held at the gate")),
    )


def _durations(facts: Facts, span: Span) -> Section:
    return Section(
        name="durations",
        title="Run durations",
        lead="Every attempt of each stage: when it began, how long it took, and what became of it.",
        nothing="No stage has run yet.",
        charts=duration_charts(facts.attempts, span),
        legend=tuple(Mark(*mark) for mark in OUTCOME_MARKS),
    )


def _records(facts: Facts, span: Span) -> Section:
    return Section(
        name="records",
        title="Records a day",
        lead="What each stage read, wrote, and put into quarantine, by UTC day.",
        nothing="No stage has run yet.",
        charts=record_charts(facts.attempts, span),
        legend=(Mark(BLUE, "■", "in"), Mark(GREEN, "■", "out"), Mark(RED, "■", "quarantined")),
    )


def _publishing(facts: Facts, span: Span) -> Section:
    return Section(
        name="publishing",
        title="Publish rate against budget",
        lead="Write capacity units (WCU) that DynamoDB charged a second of publishing, and the budget of the run.",
        nothing="Nothing has been published yet.",
        charts=publish_charts(facts.attempts, span),
        legend=(Mark(BLUE, "●", "used"), Mark(ORANGE, "╍", "budget")),
    )


def _not_succeeded(attempts: pl.DataFrame) -> pl.DataFrame:
    return attempts.filter(pl.col("outcome") != Outcome.SUCCEEDED.value)


def _newest(oldest_first: pl.DataFrame) -> Iterable[dict[str, Any]]:
    return oldest_first.tail(NEWEST).reverse().iter_rows(named=True)


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _age(age: timedelta) -> str:
    """An age, in the unit that a person would say."""
    seconds = max(age.total_seconds(), 0)
    for unit, size, limit in (("min", 60, 120), ("h", 3600, 48)):
        if seconds < size * limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"

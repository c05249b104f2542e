"""Listings: the sections that are tables.

Belongs here: which facts stand in a table, in which words, and which rows are set off.
Does not: charts (contents.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from medallion_assets.operations.dashboard.facts import Facts
from medallion_assets.operations.dashboard.sections import Grid, Row, Section
from medallion_assets.operations.pipeline_runs import Outcome

NEWEST = 20
"""Tables of what happened show so many rows, the newest first."""


def freshness_section(facts: Facts) -> Section:
    """How old each table is, against its limit."""
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


def alerts_section(facts: Facts) -> Section:
    """What people were told, the newest first."""
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


def stages_section(facts: Facts) -> Section:
    """The last attempt of each stage, its last 7 days, and how far it has come."""
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


def incidents_section(facts: Facts) -> Section:
    """Stages that failed a run, the newest first."""
    rows = [
        Row(
            (
                _minute(incident.failed_at),
                incident.stage,
                incident.headline,
                incident.found or "",
                incident.reasons or "",
                incident.do or "",
                f"{incident.run_id} ({incident.job})",
            )
        )
        for incident in facts.incidents[: -NEWEST - 1 : -1]
    ]
    return Section(
        name="incidents",
        title="Incidents",
        lead=f"Stages that failed a run, and what was found out; the last {NEWEST} at most.",
        nothing="There was no incident.",
        grid=Grid(("when (UTC)", "stage", "what is wrong", "found", "reasons", "what to do", "run"), rows),
    )


def exports_section(facts: Facts) -> Section:
    """Exports that are not in and need a person."""
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


def failures_section(facts: Facts) -> Section:
    """Attempts that did not succeed, the newest first."""
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
        for one in _newest(not_succeeded(facts.attempts))
    ]
    return Section(
        name="failures",
        title="Failed attempts",
        lead=f"Attempts of stages that did not succeed, the last {NEWEST} at most.",
        nothing="No attempt failed." if facts.attempts.height else "No stage has run yet.",
        grid=Grid(("when (UTC)", "stage", "outcome", "days", "error", "run"), rows),
    )


def not_succeeded(attempts: pl.DataFrame) -> pl.DataFrame:
    """The attempts that failed, were ended or were lost."""
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

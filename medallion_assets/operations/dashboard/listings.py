"""Listings: the sections that are tables, and that the dashboard alone shows.

Belongs here: which facts stand in a table, in which words, and which rows are set off.
Does not: charts, or the status.
"""

from __future__ import annotations

from operator import attrgetter

import polars as pl

from medallion_assets.operations.dashboard.facts import Facts
from medallion_assets.operations.pipeline_runs import Outcome
from medallion_assets.operations.sections import Grid, Row, Section, format_minute

NEWEST = 20
"""Tables of what happened show so many rows, the newest first."""


def exports_section(facts: Facts) -> Section:
    """Exports that are not in and need a person."""
    refused = [
        Row(
            (
                refusal.table_name,
                refusal.export_id,
                refusal.verdict,
                refusal.message,
                format_minute(refusal.judged_at),
            ),
            is_bad=True,
        )
        for refusal in sorted(facts.refusals, key=attrgetter("judged_at", "export_id", "prefix"), reverse=True)
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
                format_minute(attempt["started_at"]),
                attempt["stage"],
                attempt["outcome"],
                attempt["partition"] or "",
                attempt["error"] or "",
                f"{attempt['run_id']}, attempt {attempt['attempt']}",
            ),
        )
        for attempt in not_succeeded(facts.attempts).tail(NEWEST).reverse().iter_rows(named=True)
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

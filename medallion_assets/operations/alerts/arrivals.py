"""Arrivals: rules about what came late, what is missing in between, and what brings nothing any more.

Belongs here: the rules about batches and the records in them, and the words of their alerts.
Does not: batches that are refused, tables that are stale, or reading facts.

A table that is stale has an alert of its own: that it has no new records follows from the same cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.exports.sources import has_exports, see_arrivals
from medallion_assets.operations.exports.waiting import GAP_PATIENCE, late_gaps
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.pipeline_runs import Outcome, run_of


def late_batch(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A batch reached readers later than declared, in the last day (rule V5)."""
    succeeded = pl.col("outcome") == Outcome.SUCCEEDED
    recent = facts.attempts.filter(pl.col("started_at") > now - timedelta(days=1), succeeded)
    for stage in stages(facts.catalog):
        if (limit := stage.export_age_hours) is None:
            continue
        word = facts.catalog.batch_word(stage.table.name)
        late = recent.filter(pl.col("stage") == stage.table.name, pl.col("export_age_seconds") > limit * 3600)
        for row in late.tail(1).iter_rows(named=True):
            yield Alert(
                key=f"late_export/{stage.table.name}/{row['started_at'].date()}",
                kind="warning",
                what=f"the newest {word} reached the readers of {stage.table.name} "
                f"{row['export_age_seconds'] / 3600:.1f} hours after its time; expected: within {limit:g} hours",
                where=stage.table.name,
                table=stage.table.name,
                do="find out what took so long: when it arrived, whether its runs waited or "
                "failed; or raise export_age_hours where the table is declared",
                **run_of(late),
            )


def gap(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A batch waits since the window before it is missing: one alert for all that wait for the same one."""
    for batch in late_gaps(facts.waiting, now):
        reached = batch.covered_until.isoformat() if batch.covered_until else "the beginning"
        yield Alert.about(
            f"gap/{batch.table}/{reached}",
            kind="gap",
            what=batch.why,
            where=f"{batch.table}, {batch.word} {batch.batch_id}",
            table=batch.table,
            do=f"make the {batch.word} of the missing window, or a full one",
        )


def unprotected_minute(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A window joined a full batch, and writes in the minute before it may be in neither."""
    for table, minute in facts.minutes:
        if now - minute.window_from >= GAP_PATIENCE:
            yield Alert.about(
                f"unprotected_minute/{table}/{minute.full_id}",
                kind="unprotected_minute",
                what=str(minute),
                where=f"{table}, {minute.word} {minute.batch_id}",
                table=table,
                do=f"make the {minute.word} of a window that covers the minute, or a full one; nothing waits for it",
            )


def _why_silent(facts: AlertFacts, table: str) -> str:
    if has_exports(facts.catalog, table):
        return "check whether the application still writes to its table, and whether the exports are of that table"
    return see_arrivals(facts.catalog, table)


def no_new_records(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A judged table that is not stale has received no records for longer than its data may be behind."""
    for row in facts.freshness:
        last = facts.last_records.get(row.table)
        if last is None or row.sla_hours is None or row.is_stale:
            continue
        silent = (row.measured_at or now) - last
        if silent > timedelta(hours=row.sla_hours):
            yield Alert.about(
                f"no_new_records/{row.table}/{last.isoformat()}",
                kind="no_new_records",
                what=f"{row.table} has received no records for {silent.total_seconds() / 3600:.0f} hours; "
                f"expected: some within {row.sla_hours:g} hours; found: none since {last:%Y-%m-%d %H:%M} UTC",
                where=row.table,
                table=row.table,
                do=f"{_why_silent(facts, row.table)}; or raise its freshness_hours, if it is rarely written to",
            )

"""The work of a judged Silver table: every batch of its Bronze table, judged before it is published.

Belongs here: what a run does, step by step, its checks, and the failure of the gate.
Does not: refining itself, or how Dagster shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import polars as pl

from medallion_assets.contracts.columns import IS_DELETED
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.notes.fingerprints import fingerprint, rules_of_rows
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.schema import rebuild_command
from medallion_assets.delta.table import Snapshot
from medallion_assets.operations.tables.expectation_results import ExpectationResult, results_of
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.integrity import repeated_keys
from medallion_assets.refining.judging.checked_contracts import expect_conditions
from medallion_assets.refining.judging.gate import Gate
from medallion_assets.refining.judging.unfilled_columns import misnamed_columns
from medallion_assets.refining.ledger.decide import decide
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.stages.asked import AskedJudging
from medallion_assets.stages.figures import counts
from medallion_assets.stages.gate_report import gate_error, mass_delete, quality_threshold
from medallion_assets.stages.made import expect_made
from medallion_assets.stages.months import expect_in_bronze
from medallion_assets.stages.partitions import loaded_months
from medallion_assets.stages.rebuild import rebuild_figures, rebuild_if_asked
from medallion_assets.stages.reports import AttemptFigures, Check, Made, Report, RuleResults, check, made_version
from medallion_assets.stages.task_values import Value, task_values
from medallion_assets.stages.work import Work

REFINE_CHECKS = {
    "quality_threshold": "Every batch that was judged passed the quality gate, or a person accepted it.",
    "mass_delete": "No full batch deletes more rows by absence than the contract allows, unless a person accepted it.",
    "unique_live_key": "No key has two live rows.",
    "no_gaps": "No batch waits for a window that is missing.",
    "unprotected_minute": "No write can have slipped between a full batch and the window that follows it.",
    "schema_drift": "Items have no attribute that the contract lacks, or that a column means by another name.",
    "one_contract": "All rows, and those in quarantine, were judged by the current contract.",
    "new_records": "The run found records to judge; if it did not, there was nothing new, or something is stuck.",
}
BLOCKING = ("quality_threshold", "mass_delete", "unique_live_key")
OF_WINDOWS = ("no_gaps", "unprotected_minute")
"""The checks that say nothing of months, which are no chain."""


@dataclass(frozen=True)
class JudgedStage:
    """What writes a judged table."""

    loaded: Loaded
    asked = AskedJudging

    @property
    def table(self) -> Table:
        """The judged table."""
        return self.loaded.table

    @property
    def limits(self) -> Limits:
        """Of judging."""
        return self.loaded.limits

    def reports(self, work: Work, asked: AskedJudging) -> Iterator[Report]:
        """Judge and publish what can be settled; fail where a batch fails the gate."""
        loaded, table, lake, now, done = self.loaded, self.table, work.lake, work.now, Refined()
        wanted = loaded_months(work.tags, of=table, months=loaded.months, now=now)
        expect_conditions(table)
        expect_made(lake, bronze_table(table.short_name))
        decide(lake, loaded, asked.decisions(table, by=work.started_by, at=now))
        again = rebuild_if_asked(work, asked.rebuild, partial(rebuild_judged, lake, loaded, now=now))
        if again is None:  # which may have left out a month on purpose
            expect_in_bronze(lake, loaded, wanted)
        by_hand = asked.threshold, asked.min_bad_records
        judge = partial(
            refine,
            lake,
            loaded,
            now=now,
            threshold=asked.threshold,
            min_bad_records=asked.min_bad_records,
            only=wanted,
            done=done,
        )
        try:
            work.repeat(partial(judge, progress=work.log.info))
        finally:  # what was published before it failed counts all the same
            yield RuleResults(results=tuple(expectation_results(loaded, done, run_id=work.run_id, now=now)))
        snapshot = lake.open(table, version=done.version)
        yield from refine_checks(loaded, snapshot, done)
        yield new_records(table, done, bronze_loaded=work.rows_loaded)
        if done.failing is None or done.applied or done.rejected:
            held = {failing.batch.partition for failing in done.held}
            yield _result(snapshot, done, work.trigger, again, [month for month in wanted if month not in held])
        if done.failing is not None:
            yield AttemptFigures(figures=judged_figures(done))
            raise gate_error(loaded, done.held, Gate.of(loaded.gate, *by_hand))


def expectation_results(loaded: Loaded, done: Refined, *, run_id: str, now: datetime) -> Iterator[ExpectationResult]:
    """What judging found in each batch, rule by rule."""
    for counted in done.applied:
        yield from results_of(loaded, counted, is_published=True, run_id=run_id, now=now)
    for failing in done.held:
        yield from results_of(loaded, failing.counted, is_published=False, run_id=run_id, now=now)


def refine_check_texts(loaded: Loaded) -> dict[str, str]:
    """The checks of a judged table, with what each proves of it."""
    if loaded.months is None:
        return REFINE_CHECKS
    of_lines = {**REFINE_CHECKS, "unique_live_key": "No line of a file has two rows."}
    return {name: text for name, text in of_lines.items() if name not in OF_WINDOWS}


def refine_checks(loaded: Loaded, silver: Snapshot, done: Refined) -> Iterator[Check]:
    """What a run of refine found, and whether Silver is sound."""
    table = silver.table
    yield quality_threshold(table, done)
    yield mass_delete(loaded, done)
    yield unique_live_key(silver)
    if loaded.months is None:
        yield check(table, "no_gaps", passed=not done.gaps, warn=True, gaps=[str(gap) for gap in done.gaps])
        yield unprotected_minute(table, done)
    yield one_contract(loaded, silver)
    yield schema_drift(table, done)


def schema_drift(table: Table, done: Refined) -> Check:
    """Whether items have attributes that the contract lacks, or that it means by another name."""
    drift, misnamed = done.total.unknown_attributes, misnamed_columns(table, done.total)
    return check(
        table,
        "schema_drift",
        passed=not drift and not misnamed,
        warn=True,
        unknown_attributes=counts(drift),
        unfilled_columns=[
            f"{table.name}: no record fills {name} (source {table.column(name).source}); {do}"
            for name, do in misnamed.items()
        ],
    )


def one_contract(loaded: Loaded, silver: Snapshot) -> Check:
    """Rule C6: a contract that has changed since rows were judged is reported, with the command that rebuilds."""
    table = silver.table
    others = sorted({*rules_of_rows(silver)} - {fingerprint(loaded)})
    do = rebuild_command(table) if others else "nothing"
    return check(table, "one_contract", passed=not others, warn=True, older_contracts=others, what_to_do=do)


def new_records(table: Table, done: Refined, *, bronze_loaded: Value) -> Check:
    """Whether the run judged a record or left a batch out, and how many Bronze's last run loaded (null: unknown)."""
    records = done.total.records + sum(failing.counted.records for failing in done.held)
    is_new = records > 0 or bool(done.rejected)
    return check(table, "new_records", passed=is_new, warn=True, records=records, bronze_loaded=bronze_loaded)


def unprotected_minute(table: Table, done: Refined) -> Check:
    """Rule C1: a full batch is sure of what was written a minute before its time, and a window begins later."""
    found = done.unprotected_minute
    if found is None:
        return check(table, "unprotected_minute", passed=True)
    moments = {"covered_until": found.covered_until.isoformat(), "window_from": found.window_from.isoformat()}
    return check(table, "unprotected_minute", passed=False, warn=True, found=str(found), **moments)


def unique_live_key(snapshot: Snapshot) -> Check:
    """Rule K2: a key has one live row."""
    repeated = repeated_keys(snapshot)
    return check(snapshot.table, "unique_live_key", passed=repeated == 0, repeated_keys=repeated)


def _result(silver: Snapshot, done: Refined, trigger: str, again: Rebuilt | None, months: list[date]) -> Made:
    """What a run of refine published, and what a rebuild before it changed."""
    total = done.total
    restated = done.restated | (again.changes.restated if again and not again.dry_run else set())
    return made_version(
        silver,
        rows_in=total.records,
        rows_out=done.rows_changed,
        quarantined=total.bad,
        quality_score=total.score,
        sample=silver.scan().filter(~pl.col(IS_DELETED)),
        partitions=months,
        covered_until=str(noted_coverage(silver)),
        trigger=trigger,
        reasons=counts(total.reasons),
        warnings=counts(total.warnings),
        deletes=total.deletes,
        absent_from_full_exports=total.absent,
        **({"duplicates": total.duplicates} if silver.table.is_replaced else {}),
        **task_values({"new_records": total.records}),
        exports_applied=[counted.export_id for counted in done.applied],
        exports_rejected=done.rejected,
        restated_dates=[str(day) for day in sorted(restated)],
        **rebuild_figures(again),
    )


def judged_figures(done: Refined) -> dict[str, Any]:
    """What the row of an attempt says that ended at the gate: every record counts that was judged, published or not."""
    judged = done.total
    for failing in done.held:
        judged = judged.plus(failing.counted)
    return {
        "records_in": judged.records,
        "records_out": done.rows_changed,
        "records_quarantined": done.total.bad,
        "quality_score": judged.score,
        "table_version": done.version,
    }

"""Silver assets: one for each judged table, and one for each that is derived.

Belongs here: how refining and deriving look in Dagster: run config, checks, metadata, and the failure of the gate.
Does not: either of them.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from medallion_assets.contracts.pipeline import Derived, Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.fingerprints import fingerprint, rules_of_rows
from medallion_assets.delta.schema import rebuild_command
from medallion_assets.delta.table import Snapshot
from medallion_assets.delta.table_changes import Rebuilt
from medallion_assets.deriving.audit import made_from
from medallion_assets.deriving.changed_days import rebuild_derived, update_derived
from medallion_assets.operations.expectation_results import ExpectationResult, results_of
from medallion_assets.orchestration.gate_report import gate_error, mass_delete, quality_threshold
from medallion_assets.orchestration.partitions import config_of, loaded_asset, loaded_months, report_days
from medallion_assets.orchestration.rebuild_config import JudgedRebuildConfig, RebuildableConfig, rebuild_figures
from medallion_assets.orchestration.reporting import asset_key, asset_options, check, check_specs, counts, table_result
from medallion_assets.orchestration.resources import LakehouseResource, started_by
from medallion_assets.orchestration.task_values import Value, read_value, task_values
from medallion_assets.orchestration.trigger_context import TriggerContext, shown
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.decide import decide
from medallion_assets.refining.decisions import Action, Decision
from medallion_assets.refining.gate import Gate
from medallion_assets.refining.integrity import leaked_tombstones, repeated_keys
from medallion_assets.refining.rebuild import rebuild_judged
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined

Event = dg.MaterializeResult[None] | dg.AssetCheckResult
REFINE_CHECKS = {
    "quality_threshold": "Every export that was judged passed the quality gate, or a person accepted it.",
    "mass_delete": "No full export deletes more rows by absence than the contract allows, unless a person accepted it.",
    "unique_live_key": "No key has two live rows.",
    "no_gaps": "No export waits for a window that is missing.",
    "unprotected_minute": "No write can have slipped between a full export and the window that follows it.",
    "schema_drift": "Items have no attribute that the contract lacks.",
    "one_contract": "All rows, and those in quarantine, were judged by the contract that is in force.",
    "new_records": "The run found records to judge; if it did not, there was nothing new, or something is stuck.",
}
BLOCKING = ("quality_threshold", "mass_delete", "unique_live_key")
OF_WINDOWS = ("no_gaps", "unprotected_minute")
"""The checks that say nothing of months, which are no chain."""
UNIQUE = {"unique_live_key": "No key has two rows."}
NO_LEAKS = {"no_tombstone_leaks": "No deleted row of its source has a row."}


class ExportDecision(dg.Config):
    """A person's decision about one export (rule C4)."""

    export_id: str
    reason: str


class RefineConfig(dg.Config):
    """Run config of a Silver asset. Nothing is needed; every export that can be settled is."""

    threshold: float | None = Field(default=None, ge=0, le=1, description="share of good records, for this run alone")
    accept: list[ExportDecision] = Field(default=[], description="exports to publish although they fail the gate")
    reject: list[ExportDecision] = Field(default=[], description="exports to leave out for good")
    rebuild: JudgedRebuildConfig = Field(
        default=JudgedRebuildConfig(), description="judge the exports that are in again, by the present contract"
    )
    trigger: TriggerContext = Field(default=TriggerContext(), description="what caused the run; changes nothing")

    def decisions(self, table: Table, *, by: str, at: datetime) -> list[Decision]:
        """The decisions of this run config."""
        return [
            Decision(
                table_name=table.short_name,
                subject=decision.export_id,
                action=action,
                reason=decision.reason,
                decided_by=by,
                decided_at=at,
            )
            for action, named in ((Action.ACCEPT, self.accept), (Action.REJECT, self.reject))
            for decision in named
        ]


def silver_asset(loaded: Loaded) -> dg.AssetsDefinition:
    """The asset of a judged Silver table: every export of its Bronze table, judged before it is published."""
    table, months = loaded.table, loaded.months

    @loaded_asset(
        months,
        **asset_options(table, freshness_hours=loaded.freshness_hours, is_parallel=months is not None),
        check_specs=check_specs(table, refine_check_texts(loaded), blocking=BLOCKING),
        deps=[asset_key(bronze_table(table.short_name))],
    )
    def silver(
        context: dg.AssetExecutionContext,
        config: config_of(RefineConfig, months),  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[Event]:
        with lakehouse.attempt(context, table, loaded.limits) as attempt:
            lake, now, done = attempt.lake, attempt.now, Refined()
            wanted = loaded_months(context.run.tags, of=table, months=months, now=now)
            decide(lake, loaded, config.decisions(table, by=started_by(context), at=now))
            again = config.rebuild.run(attempt, partial(rebuild_judged, lake, loaded, now=now))
            judge = partial(refine, lake, loaded, now=now, threshold=config.threshold, only=wanted, done=done)
            attempt.repeat(partial(judge, progress=context.log.info))
            attempt.judged(expectation_results(loaded, done, run_id=context.run.run_id, now=now))
            snapshot = lake.open(table, version=done.version)
            yield from attempt.checked(refine_checks(loaded, snapshot, done))
            brought = read_value(context, bronze_table(table.short_name).path, "rows_in", default=None)
            yield new_records(table, done, bronze_loaded=brought)
            if done.failing is None or done.applied or done.rejected:
                result = attempt.report(refine_result(snapshot, done, config.trigger, again))
                report_days(context, set(wanted) - {failing.export.partition for failing in done.held}, result)
                yield result
            if done.failing is not None:
                attempt.found(**judged_figures(done))
                raise gate_error(table, done.held, Gate.of(loaded.gate, config.threshold))

    return silver


def derived_asset(derived: Derived) -> dg.AssetsDefinition:
    """The asset of a derived table; only the days that changed are made anew."""
    table, checks = derived.table, {**(NO_LEAKS if derived.one_to_one else {}), **UNIQUE}

    @dg.asset(
        **asset_options(table, freshness_hours=derived.freshness_hours),
        deps=[asset_key(source) for source in derived.sources],
        check_specs=check_specs(table, checks, blocking=checks),
    )
    def asset(
        context: dg.AssetExecutionContext, config: RebuildableConfig, lakehouse: LakehouseResource
    ) -> Iterator[Event]:
        with lakehouse.attempt(context, table, derived.limits) as attempt:
            again = config.rebuild.run(attempt, partial(rebuild_derived, attempt.lake, derived))
            done = attempt.repeat(partial(update_derived, attempt.lake, derived, progress=context.log.info))
            made = attempt.lake.open(table, version=done.version)
            yield from attempt.checked(derived_checks(derived, made))
            yield attempt.report(
                table_result(
                    made,
                    rows_in=done.rows_in,
                    rows_out=done.rows_out,
                    trigger=shown(config.trigger),
                    restated_dates=[str(day) for day in sorted(done.restated)],
                    **rebuild_figures(again),
                )
            )

    return asset


def expectation_results(loaded: Loaded, done: Refined, *, run_id: str, now: datetime) -> Iterator[ExpectationResult]:
    """What judging found in each export, rule by rule."""
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


def refine_checks(loaded: Loaded, silver: Snapshot, done: Refined) -> Iterator[dg.AssetCheckResult]:
    """What a run of refine found, and whether Silver is sound."""
    table = silver.table
    yield quality_threshold(table, done)
    yield mass_delete(loaded, done)
    yield unique_live_key(silver)
    if loaded.months is None:
        yield check(table, "no_gaps", passed=not done.gaps, warn=True, gaps=[str(gap) for gap in done.gaps])
        yield unprotected_minute(table, done)
    yield one_contract(loaded, silver)
    drift = done.total.unknown_attributes
    yield check(table, "schema_drift", passed=not drift, warn=True, unknown_attributes=counts(drift))


def one_contract(loaded: Loaded, silver: Snapshot) -> dg.AssetCheckResult:
    """Rule C6: a contract that has changed since rows were judged is reported, with the command that rebuilds."""
    table = silver.table
    others = sorted({*rules_of_rows(silver)} - {fingerprint(loaded)})
    do = rebuild_command(table) if others else "nothing"
    return check(table, "one_contract", passed=not others, warn=True, older_contracts=others, what_to_do=do)


def derived_checks(derived: Derived, made: Snapshot) -> Iterator[dg.AssetCheckResult]:
    """Whether a derived table is sound, against the source that it was made from."""
    if derived.one_to_one:
        leaked = leaked_tombstones(made_from(made, derived.source), made)
        yield check(derived.table, "no_tombstone_leaks", passed=leaked == 0, leaked=leaked)
    yield unique_live_key(made)


def new_records(table: Table, done: Refined, *, bronze_loaded: Value) -> dg.AssetCheckResult:
    """Whether the run judged a record or left an export out, and how many Bronze's last run loaded (null: unknown)."""
    records = done.total.records + sum(failing.counted.records for failing in done.held)
    is_new = records > 0 or bool(done.rejected)
    return check(table, "new_records", passed=is_new, warn=True, records=records, bronze_loaded=bronze_loaded)


def unprotected_minute(table: Table, done: Refined) -> dg.AssetCheckResult:
    """Rule C1: a full export is sure of what was written a minute before its time, and a window begins later."""
    found = done.unprotected_minute
    if found is None:
        return check(table, "unprotected_minute", passed=True)
    moments = {"covered_until": found.covered_until.isoformat(), "window_from": found.window_from.isoformat()}
    return check(table, "unprotected_minute", passed=False, warn=True, found=str(found), **moments)


def unique_live_key(snapshot: Snapshot) -> dg.AssetCheckResult:
    """Rule K2: a key has one live row."""
    repeated = repeated_keys(snapshot)
    return check(snapshot.table, "unique_live_key", passed=repeated == 0, repeated_keys=repeated)


def refine_result(
    silver: Snapshot, done: Refined, trigger: TriggerContext, again: Rebuilt | None = None
) -> dg.MaterializeResult[None]:
    """What a run of refine published, and what a rebuild before it changed."""
    total = done.total
    restated = done.restated | (again.changes.restated if again and not again.dry_run else set())
    return table_result(
        silver,
        rows_in=total.records,
        rows_out=done.rows_changed,
        quarantined=total.bad,
        quality_score=total.score,
        sample=silver.scan().filter(~pl.col("is_deleted")),
        trigger=shown(trigger),
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

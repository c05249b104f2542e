"""Silver doorways: an asset for each judged table, and the enriched one.

Belongs here: how refine and enrichment look in Dagster: run config, checks, metadata, and the failure of the gate.
Does not: refine (lakehouse/refine.py), enrichment (silver/enrichment.py).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.decisions import Action, Decision, record_decisions
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.lakehouse.integrity import leaked_tombstones, repeated_keys
from medallion_assets.lakehouse.raw_exports import bronze_table
from medallion_assets.lakehouse.refine import Failing, Refined, refine
from medallion_assets.reporting import asset_key, counts, doorway, markdown_table, table_metadata
from medallion_assets.resources import LakehouseResource, started_by
from medallion_assets.silver.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.silver.customers import CUSTOMERS
from medallion_assets.silver.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.silver.enrichment import update_enriched

Event = dg.MaterializeResult[None] | dg.AssetCheckResult


class ExportDecision(dg.Config):
    """A person's decision about one export (rule C4)."""

    export_id: str
    reason: str


class RefineConfig(dg.Config):
    """Run config of a Silver asset. Nothing is needed; every export that can be settled is."""

    threshold: float | None = Field(default=None, ge=0, le=1, description="share of good records, for this run alone")
    accept: list[ExportDecision] = Field(default=[], description="exports to publish although they fail the gate")
    reject: list[ExportDecision] = Field(default=[], description="exports to leave out for good")


def silver_asset(table: Table) -> dg.AssetsDefinition:
    """The asset of a judged Silver table: every export of its Bronze table, judged before it is published."""
    key = asset_key(table)
    checks = [
        dg.AssetCheckSpec("quality_threshold", asset=key, blocking=True, description="Every export passed the gate."),
        dg.AssetCheckSpec("unique_live_key", asset=key, description="No key has two live rows."),
        dg.AssetCheckSpec("no_gaps", asset=key, description="No export waits for a window that is missing."),
        dg.AssetCheckSpec("schema_drift", asset=key, description="Items have no attribute that the contract lacks."),
    ]

    @dg.asset(**doorway(table), check_specs=checks, deps=[asset_key(bronze_table(table.short_name))])
    def silver(
        context: dg.AssetExecutionContext, config: RefineConfig, lakehouse: LakehouseResource
    ) -> Iterator[Event]:
        lake, now = lakehouse.connect(context), lakehouse.now()
        record_decisions(lake, _decisions(table, config, started_by(context), lakehouse))
        done = refine(lake, table, now=now, threshold=config.threshold, progress=context.log.info)
        yield from _checks(lake, table, done)
        result = _result(lake, table, done)
        if done.failing is None:
            yield result
            return
        context.log_event(dg.AssetMaterialization(key, metadata=result.metadata or {}))
        raise dg.Failure(_gate_message(table, done.failing), allow_retries=False)

    return silver


@dg.asset(
    **doorway(ENRICHED_TRANSACTIONS),
    deps=[asset_key(CUSTOMER_TRANSACTIONS), asset_key(CUSTOMERS)],
    check_specs=[
        dg.AssetCheckSpec("no_tombstone_leaks", asset=asset_key(ENRICHED_TRANSACTIONS)),
        dg.AssetCheckSpec("unique_live_key", asset=asset_key(ENRICHED_TRANSACTIONS)),
    ],
)
def enriched_transactions(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> Iterator[Event]:
    """Each live transaction with the customer as of then; only the days that changed are made anew."""
    lake = lakehouse.connect(context)
    done = update_enriched(lake, progress=context.log.info)
    snapshot = lake.open(ENRICHED_TRANSACTIONS)
    leaks, repeated = leaked_tombstones(lake.open(CUSTOMER_TRANSACTIONS), snapshot), repeated_keys(snapshot)
    yield _check(ENRICHED_TRANSACTIONS, "no_tombstone_leaks", passed=leaks == 0, leaked=leaks)
    yield _check(ENRICHED_TRANSACTIONS, "unique_live_key", passed=repeated == 0, repeated_keys=repeated)
    metadata = table_metadata(snapshot, rows_in=done.rows_in, rows_out=done.rows_out)
    days = [str(day) for day in sorted(done.restated)]
    yield dg.MaterializeResult(
        metadata={**metadata, "restated_dates": days}, data_version=dg.DataVersion(str(done.version))
    )


def _decisions(table: Table, config: RefineConfig, who: str, lakehouse: LakehouseResource) -> list[Decision]:
    return [
        Decision(
            table_name=table.short_name,
            subject=one.export_id,
            action=action,
            reason=one.reason,
            decided_by=who,
            decided_at=lakehouse.now(),
        )
        for action, chosen in ((Action.ACCEPT, config.accept), (Action.REJECT, config.reject))
        for one in chosen
    ]


def _checks(lake: Lakehouse, table: Table, done: Refined) -> Iterator[dg.AssetCheckResult]:
    total = done.total
    if done.failing is None:
        yield _check(table, "quality_threshold", passed=True, quality_score=total.score, reasons=counts(total.reasons))
    else:
        failing = done.failing
        yield _check(
            table,
            "quality_threshold",
            passed=False,
            export_id=failing.export.export_id,
            quality_score=failing.tally.score,
            records=failing.tally.records,
            bad_records=failing.tally.bad,
            reasons=counts(failing.tally.reasons),
            sample=dg.MetadataValue.md(markdown_table(failing.sample.to_dicts())),
        )
    repeated = repeated_keys(lake.open(table))
    yield _check(table, "unique_live_key", passed=repeated == 0, repeated_keys=repeated)
    yield _warn(table, "no_gaps", passed=not done.gaps, gaps=[str(gap) for gap in done.gaps])
    drift = total.unknown_attributes
    yield _warn(table, "schema_drift", passed=not drift, unknown_attributes=counts(drift))


def _result(lake: Lakehouse, table: Table, done: Refined) -> dg.MaterializeResult[None]:
    total = done.total
    metadata = table_metadata(
        lake.open(table),
        rows_in=total.records,
        rows_out=done.rows_changed,
        quarantined=total.bad,
        quality_score=total.score,
    )
    more: dict[str, Any] = {
        "exports_applied": [tally.export_id for tally in done.applied],
        "exports_rejected": done.rejected,
        "restated_dates": [str(day) for day in sorted(done.restated)],
        "reasons": counts(total.reasons),
        "warnings": counts(total.warnings),
    }
    return dg.MaterializeResult(metadata={**metadata, **more}, data_version=dg.DataVersion(str(done.version)))


def _gate_message(table: Table, failing: Failing) -> str:
    export_id, tally = failing.export.export_id, failing.tally
    return (
        f"{table.name}: export {export_id} failed the quality gate and nothing of it was published; "
        f"expected: a score of at least {table.quality_threshold} or fewer than {table.quality_min_bad_records} bad "
        f"records; found: {tally.score:.4f}, {tally.bad:,} bad of {tally.records:,} ({counts(tally.reasons)}"
        f"{'; failed: ' + counts(tally.failures) if tally.failures else ''}); what to do: look at the rows in the "
        f"check quality_threshold, then run {table.path} with accept or reject for this export in the run config"
    )


def _check(table: Table, name: str, *, passed: bool, **metadata: object) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key=asset_key(table), check_name=name, passed=passed, metadata=metadata)  # type: ignore[arg-type]


def _warn(table: Table, name: str, *, passed: bool, **metadata: object) -> dg.AssetCheckResult:
    return _check(table, name, passed=passed, **metadata)._replace(severity=dg.AssetCheckSeverity.WARN)

"""Gold doorways: daily-partitioned assets, any days in one run.

Belongs here: how building Gold looks in Dagster: partitions, checks, metadata.
Does not: building (deriving/build.py), or asking for the days that changed (triggers).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Snapshot
from medallion_assets.delta.table_changes import Rebuilt
from medallion_assets.deriving.audit import Audit, audit_customer_ltv, audit_daily_sales, source_of
from medallion_assets.deriving.build import Built, build_customer_ltv, build_daily_sales
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.orchestration.partitions import asked_days, daily_asset, tell_days
from medallion_assets.orchestration.rebuild_config import RebuildableConfig, rebuild_figures
from medallion_assets.orchestration.reporting import as_table, asset_key, check, check_specs, doorway, table_result
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.trigger_context import TriggerContext, shown
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS

Event = dg.MaterializeResult[None] | dg.AssetCheckResult
CHECKS = {
    "equals_recomputation": "Every row of the partitions equals what Silver gives now, and none is missing.",
    "revenue_reconciles": "Net revenue equals that of silver/customer_transactions, every day, to the last decimal.",
}
SAMPLE_ROWS = 5


def gold_assets(first_day: date) -> list[dg.AssetsDefinition]:
    """The Gold assets, partitioned from `first_day` on."""
    source = [asset_key(ENRICHED_TRANSACTIONS)]

    @daily_asset(first_day, **_doorway(DAILY_SALES_SUMMARY), deps=source)
    def daily_sales_summary(
        context: dg.AssetExecutionContext, config: RebuildableConfig, lakehouse: LakehouseResource
    ) -> Iterator[Event]:
        with lakehouse.stage(context, DAILY_SALES_SUMMARY) as stage:
            days = asked_days(context.run.tags, of=DAILY_SALES_SUMMARY, first_day=first_day, now=stage.now)
            again = config.rebuild.run(stage, partial(rebuild_gold, stage.lake, DAILY_SALES_SUMMARY))
            built = stage.attempt(partial(build_daily_sales, stage.lake, days, progress=context.log.info))
            gold = stage.lake.open(DAILY_SALES_SUMMARY, version=built.version)
            audit = audit_daily_sales(gold, source_of(gold), _audited(days, again))
            yield from stage.checked(audit_checks(DAILY_SALES_SUMMARY, audit))
            result = stage.report(_result(gold, days, built, config.trigger, again))
            tell_days(context, days, result)
            yield result

    @daily_asset(first_day, **_doorway(CUSTOMER_LTV), deps=source)
    def customer_ltv(
        context: dg.AssetExecutionContext, config: RebuildableConfig, lakehouse: LakehouseResource
    ) -> Iterator[Event]:
        with lakehouse.stage(context, CUSTOMER_LTV) as stage:
            days = asked_days(context.run.tags, of=CUSTOMER_LTV, first_day=first_day, now=stage.now)
            again = config.rebuild.run(stage, partial(rebuild_gold, stage.lake, CUSTOMER_LTV))
            built = stage.attempt(partial(build_customer_ltv, stage.lake, days, progress=context.log.info))
            gold = stage.lake.open(CUSTOMER_LTV, version=built.version)
            audit = audit_customer_ltv(gold, source_of(gold), _audited(days, again))
            yield from stage.checked(audit_checks(CUSTOMER_LTV, audit))
            result = stage.report(_result(gold, days, built, config.trigger, again))
            tell_days(context, days, result)
            yield result

    return [daily_sales_summary, customer_ltv]


def audit_checks(table: Table, audit: Audit) -> Iterator[dg.AssetCheckResult]:
    """What an audit found, as the checks of a Gold asset."""
    yield check(
        table,
        "equals_recomputation",
        passed=audit.equals_recomputation,
        rows_stored=audit.rows_stored,
        rows_recomputed=audit.rows_recomputed,
        rows_differing=audit.differing.height,
        sample=as_table(audit.differing.head(SAMPLE_ROWS).to_dicts()),
    )
    wrong = audit.unreconciled
    shown = list((wrong or audit.revenue).items())[-SAMPLE_ROWS:]
    yield check(
        table,
        "revenue_reconciles",
        passed=not wrong,
        days=len(audit.revenue),
        days_differing=len(wrong),
        net_revenue=as_table([{"day": day, "gold": gold, "silver": silver} for day, (gold, silver) in shown]),
    )


def _doorway(table: Table) -> dict[str, Any]:
    return {**doorway(table), "check_specs": check_specs(table, CHECKS, blocking=CHECKS)}


def _audited(days: Sequence[date], again: Rebuilt | None) -> list[date]:
    """The days of the run, and those that a rebuild before it has changed."""
    rebuilt = again.changes.restated if again and not again.dry_run else set()
    return sorted({*days, *rebuilt})


def _result(
    gold: Snapshot, days: Sequence[date], built: Built, trigger: TriggerContext, again: Rebuilt | None
) -> dg.MaterializeResult[None]:
    return table_result(
        gold,
        rows_in=built.rows_in,
        rows_out=built.rows_out,
        sample=gold.scan(partitions=days[-1:]),
        trigger=shown(trigger),
        partitions_replaced=len(days),
        **rebuild_figures(again),
    )

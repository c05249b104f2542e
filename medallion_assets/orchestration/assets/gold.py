"""Gold assets: a partition for each business day, any days in one run; or one for each month.

Belongs here: how building Gold looks in Dagster: partitions, checks, metadata.
Does not: building, or asking for the days that changed.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from medallion_assets.contracts.pipeline import Gold, Monthly
from medallion_assets.delta.table import Snapshot
from medallion_assets.delta.table_changes import Rebuilt
from medallion_assets.deriving.audit import Audit, audit, source_of
from medallion_assets.deriving.build import Built, build
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.orchestration.partitions import asked_partitions, config_of, partitioned_asset, report_days
from medallion_assets.orchestration.rebuild_config import RebuildableConfig, rebuild_figures
from medallion_assets.orchestration.reporting import (
    as_table,
    asset_key,
    asset_options,
    check,
    check_specs,
    table_result,
)
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.trigger_context import TriggerContext, shown

Event = dg.MaterializeResult[None] | dg.AssetCheckResult
RECOMPUTED = "equals_recomputation"
SAMPLE_ROWS = 5


def gold_asset(gold: Gold, first_day: date) -> dg.AssetsDefinition:
    """The asset of a Gold table, partitioned by days from `first_day` on, or by its months."""
    table, checks, months = gold.table, checks_of(gold), gold.months if isinstance(gold, Monthly) else None

    @partitioned_asset(
        first_day,
        months,
        **asset_options(table, freshness_hours=gold.freshness_hours, is_parallel=months is not None),
        check_specs=check_specs(table, checks, blocking=checks),
        deps=[asset_key(gold.source)],
    )
    def asset(
        context: dg.AssetExecutionContext,
        config: config_of(RebuildableConfig, months),  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[Event]:
        with lakehouse.attempt(context, table, gold.limits) as attempt:
            days = asked_partitions(context.run.tags, of=table, first_day=first_day, months=months, now=attempt.now)
            again = config.rebuild.run(attempt, partial(rebuild_gold, attempt.lake, gold))
            done = attempt.repeat(partial(build, attempt.lake, gold, days, progress=context.log.info))
            built = attempt.lake.open(table, version=done.version)
            found = audit(gold, built, source_of(gold, built), _audited(days, again))
            yield from attempt.checked(audit_checks(gold, found))
            result = attempt.report(_result(built, days, done, config.trigger, again))
            report_days(context, days, result)
            yield result

    return asset


def checks_of(gold: Gold) -> dict[str, str]:
    """The checks of a Gold table, with what each promises."""
    source = "Silver" if gold.source.layer == "silver" else gold.source.name
    checks = {RECOMPUTED: f"Every row of the partitions equals what {source} gives now, and none is missing."}
    if gold.reconciled:
        checks[gold.reconciled.check] = gold.reconciled.description
    return checks


def audit_checks(gold: Gold, found: Audit) -> Iterator[dg.AssetCheckResult]:
    """What an audit found, as the checks of a Gold asset."""
    yield check(
        gold.table,
        RECOMPUTED,
        passed=found.equals_recomputation,
        rows_stored=found.rows_stored,
        rows_recomputed=found.rows_recomputed,
        rows_differing=found.differing.height,
        sample=as_table(found.differing.head(SAMPLE_ROWS).to_dicts()),
    )
    if gold.reconciled is None:
        return
    wrong = found.unreconciled
    sample = list((wrong or found.sums).items())[-SAMPLE_ROWS:]
    figures: dict[str, Any] = {"days": len(found.sums), "days_differing": len(wrong)}
    figures[gold.reconciled.figure] = as_table(
        [{"day": day, "gold": stored, "silver": expected} for day, (stored, expected) in sample]
    )
    yield check(gold.table, gold.reconciled.check, passed=not wrong, **figures)


def _audited(days: Sequence[date], again: Rebuilt | None) -> list[date]:
    """The days of the run, and those that a rebuild before it has changed."""
    rebuilt = again.changes.restated if again and not again.dry_run else set()
    return sorted({*days, *rebuilt})


def _result(
    built: Snapshot, days: Sequence[date], done: Built, trigger: TriggerContext, again: Rebuilt | None
) -> dg.MaterializeResult[None]:
    return table_result(
        built,
        rows_in=done.rows_in,
        rows_out=done.rows_out,
        sample=built.scan(partitions=days[-1:]),
        trigger=shown(trigger),
        partitions_replaced=len(days),
        **rebuild_figures(again),
    )

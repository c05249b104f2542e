"""The monitor: assets that keep what people want to know of the pipeline, and the job that renews them.

Belongs here: operations/pipeline_runs (its missing rows), operations/pipeline_checkpoint, operations/data_freshness.
Does not: what stands in them (lost_attempts, checkpoint, freshness), or when the job runs (triggers).

They write no rows about themselves into operations.pipeline_runs. Dagster reads the annotations of an asset itself, so
they are not postponed here.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict

import dagster as dg

from medallion_assets.operations.freshness.checkpoint import read_checkpoints
from medallion_assets.operations.freshness.freshness import read_freshness
from medallion_assets.operations.tables.monitoring import DATA_FRESHNESS, PIPELINE_CHECKPOINT, replace_rows
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS
from medallion_assets.orchestration.dagster_tags import MAX_RUNTIME, PRIORITY
from medallion_assets.orchestration.reporting import (
    AssetEvent,
    asset_key,
    asset_options,
    check,
    check_specs,
    stage_errors,
    table_result,
)
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.runs.lost_attempts import LOOK_BACK, record_recently_lost
from medallion_assets.settings.schedules import MONITOR
from medallion_assets.stages.figures import as_table

TIME_LIMIT_SECONDS = 900
CHECKS = {"nothing_is_stale": "No table's data are further behind than its declaration allows."}


def operations_assets() -> list[dg.AssetsDefinition]:
    """The assets of the monitor; each is safe to run at any time."""
    runs = asset_key(PIPELINE_RUNS)

    @dg.asset(**asset_options(PIPELINE_RUNS))
    def pipeline_runs(
        context: dg.AssetExecutionContext, lakehouse: LakehouseResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        with stage_errors():
            lake = lakehouse.lakehouse_of(context)
            lost = record_recently_lost(lake, context.instance, lakehouse.now())
            look_back = f"runs of {LOOK_BACK.days} days"
            yield table_result(lake.ready(PIPELINE_RUNS), rows_in=lost, rows_out=lost, looked_at=look_back)

    @dg.asset(**asset_options(PIPELINE_CHECKPOINT), deps=[runs])
    def pipeline_checkpoint(
        context: dg.AssetExecutionContext, lakehouse: LakehouseResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        with stage_errors():
            lake = lakehouse.lakehouse_of(context)
            rows = read_checkpoints(lake)
            version = replace_rows(lake, PIPELINE_CHECKPOINT, rows)
            snapshot = lake.open(PIPELINE_CHECKPOINT, version=version)
            yield table_result(
                snapshot, rows_in=len(rows), rows_out=len(rows), checkpoints=as_table(list(map(asdict, rows)))
            )

    @dg.asset(**asset_options(DATA_FRESHNESS), deps=[runs], check_specs=check_specs(DATA_FRESHNESS, CHECKS))
    def data_freshness(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> Iterator[AssetEvent]:
        with stage_errors():
            lake = lakehouse.lakehouse_of(context)
            rows = read_freshness(lake, lakehouse.now())
            version = replace_rows(lake, DATA_FRESHNESS, rows)
            snapshot = lake.open(DATA_FRESHNESS, version=version)
            stale = [row.table for row in rows if row.is_stale]
            yield check(DATA_FRESHNESS, "nothing_is_stale", passed=not stale, warn=True, stale=stale)
            yield table_result(
                snapshot, rows_in=len(rows), rows_out=len(rows), freshness=as_table(list(map(asdict, rows)))
            )

    return [pipeline_runs, pipeline_checkpoint, data_freshness]


def monitor_job(
    also: Collection[dg.AssetKey] = (), checks: Collection[dg.AssetCheckKey] = ()
) -> "dg.UnresolvedAssetJobDefinition":
    """The job that renews what people want to know of the pipeline.

    `also` names assets of other modules, and `checks` those of other assets that it evaluates.
    """
    own = [asset_key(table) for table in (PIPELINE_RUNS, PIPELINE_CHECKPOINT, DATA_FRESHNESS)]
    return dg.define_asset_job(
        MONITOR,
        selection=dg.AssetSelection.assets(*own, *also) | dg.AssetSelection.checks(*checks),
        description="Complete operations.pipeline_runs; update the checkpoint and the freshness of every table.",
        tags={MAX_RUNTIME: str(TIME_LIMIT_SECONDS), PRIORITY: "0"},
        executor_def=dg.in_process_executor,
    )

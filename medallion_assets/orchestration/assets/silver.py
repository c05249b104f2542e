"""Silver assets: one for each judged table, and one for each that is derived.

Belongs here: how their stages look in Dagster.
Does not: what they do.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator

import dagster as dg

from medallion_assets.contracts.pipeline import Derived, Loaded
from medallion_assets.orchestration.partitions import loaded_asset
from medallion_assets.orchestration.reporting import AssetEvent, asset_key, asset_options, check_specs
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_config import config_of
from medallion_assets.orchestration.task_values import read_value
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.stages.asked import AskedDeriving, AskedJudging
from medallion_assets.stages.derived import DerivedStage
from medallion_assets.stages.judged import BLOCKING, JudgedStage, refine_check_texts


def silver_asset(loaded: Loaded) -> dg.AssetsDefinition:
    """The asset of a judged Silver table: every batch of its Bronze table, judged before it is published."""
    stage, table, months = JudgedStage(loaded), loaded.table, loaded.months
    bronze = bronze_table(table.short_name)

    @loaded_asset(
        months,
        **asset_options(table, is_parallel=months is not None),
        check_specs=check_specs(table, refine_check_texts(loaded), blocking=BLOCKING),
        deps=[asset_key(bronze)],
    )
    def silver(
        context: dg.AssetExecutionContext,
        config: config_of(AskedJudging, months),  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[AssetEvent]:
        rows_loaded = read_value(context, bronze.path, "rows_in", default=None)
        yield from lakehouse.run(context, stage, config, rows_loaded=rows_loaded)

    return silver


def derived_asset(derived: Derived) -> dg.AssetsDefinition:
    """The asset of a derived table; only the days that changed are made anew."""
    stage, table = DerivedStage(derived), derived.table

    @dg.asset(
        **asset_options(table),
        deps=[asset_key(source) for source in derived.sources],
        check_specs=check_specs(table, stage.checks, blocking=stage.checks),
    )
    def asset(
        context: dg.AssetExecutionContext,
        config: config_of(AskedDeriving),  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[AssetEvent]:
        yield from lakehouse.run(context, stage, config)

    return asset

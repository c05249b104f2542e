"""Bronze assets: one for each loaded table.

Belongs here: how the stage looks in Dagster.
Does not: what it does (stages/bronze.py).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator

import dagster as dg

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.orchestration.partitions import loaded_asset
from medallion_assets.orchestration.reporting import Event, asset_options, check_specs
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_config import config_of
from medallion_assets.stages.asked import AskedLoad
from medallion_assets.stages.bronze import BronzeStage

LoadConfig = config_of(AskedLoad)


def bronze_asset(loaded: Loaded) -> dg.AssetsDefinition:
    """The asset `bronze/<table>` of a loaded table: the exports below `<raw>/<table>`, loaded exactly once."""
    stage, months = BronzeStage(loaded), loaded.months
    kinds = {loaded.source.technology, "deltalake", "bronze"}

    @loaded_asset(
        months,
        **asset_options(stage.table, kinds=kinds, is_parallel=months is not None),
        check_specs=check_specs(stage.table, stage.checks),
    )
    def bronze(
        context: dg.AssetExecutionContext,
        config: LoadConfig,  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[Event]:
        yield from lakehouse.run(context, stage, config)

    return bronze

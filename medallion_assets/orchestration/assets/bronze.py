"""Bronze assets: one for each loaded table.

Belongs here: how the stage looks in Dagster, and how fresh its source is, which is asked once in a run.
Does not: what it does.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.operations.fetching import is_fetched
from medallion_assets.orchestration.assets.fetched import fetched_key
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.partitions import loaded_asset
from medallion_assets.orchestration.reporting import AssetEvent, asset_options, check_specs
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_config import config_of
from medallion_assets.orchestration.source_reach import reach_of_sources
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.stages.asked import AskedLoad
from medallion_assets.stages.bronze import SOURCE_FRESH, BronzeStage
from medallion_assets.stages.reports import Check, check


def bronze_asset(loaded: Loaded) -> dg.AssetsDefinition:
    """The asset `bronze/<table>` of a loaded table: the batches below `<raw>/<table>`, loaded exactly once."""
    stage, months = BronzeStage(loaded), loaded.months
    kinds = {loaded.source.technology, "deltalake", "bronze"}

    @loaded_asset(
        months,
        **asset_options(stage.table, kinds=kinds, is_parallel=months is not None),
        check_specs=check_specs(stage.table, stage.checks),
        deps=[fetched_key(loaded)] if is_fetched(loaded) else [],
    )
    def bronze(
        context: dg.AssetExecutionContext,
        config: config_of(AskedLoad, months),  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[AssetEvent]:
        fresh = partial(source_fresh, lakehouse=lakehouse, loaded=loaded)
        yield from lakehouse.run(context, stage, config, before=fresh)

    return bronze


def source_fresh(attempt: Attempt, *, lakehouse: LakehouseResource, loaded: Loaded) -> Iterator[Check]:
    """The check `source_fresh` of a table whose declaration promises fresh batches.

    It is made in Dagster's process wherever the stage runs: the run's other sources count as well.

    Raises:
        StaleSourceError: a source of the run is stale, and the setting does not say that this is a warning.
    """
    known = reach_of_sources(attempt, lakehouse.settings.raw_url, loaded)
    if known is None:
        return
    stops, name = lakehouse.settings.stops_for_stale_sources, loaded.table.short_name
    yield check(
        bronze_table(name),
        SOURCE_FRESH,
        passed=name not in known.stale,
        warn=not stops,
        reaches_until=known.reaches[name],
        limit_hours=loaded.source_freshness_hours,
        stale_sources=list(known.stale),
    )
    if stops:
        known.expect_fresh()

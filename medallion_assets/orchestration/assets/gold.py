"""Gold assets: a partition for each business day, any days in one run; or one for each month.

Belongs here: how their stages look in Dagster.
Does not: what they do, or asking for the days that changed.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from medallion_assets.contracts.pipeline import Gold
from medallion_assets.orchestration.assets.business import renew_business_page
from medallion_assets.orchestration.partitions import partitioned_asset
from medallion_assets.orchestration.reporting import AssetEvent, asset_key, asset_options, check_specs
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.run_config import config_of
from medallion_assets.stages.asked import AskedDeriving
from medallion_assets.stages.gold import EARLIER_CHECKS, GoldStage, checks_of, is_of_days


def gold_asset(gold: Gold, first_day: date, *, is_read: bool = False) -> dg.AssetsDefinition:
    """The asset of a Gold table, partitioned by days from `first_day` on, or by its months.

    `is_read`: nothing publishes it, so that readers read it.
    """
    stage, table, checks = GoldStage(gold, first_day, is_read=is_read), gold.table, checks_of(gold)
    months = gold.of_months

    @partitioned_asset(
        first_day,
        months,
        **asset_options(table, is_parallel=months is not None),
        check_specs=check_specs(table, checks | (EARLIER_CHECKS if is_of_days(gold) else {}), blocking=checks),
        deps=[asset_key(gold.source)],
    )
    def asset(
        context: dg.AssetExecutionContext,
        config: config_of(AskedDeriving, months),  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
    ) -> Iterator[AssetEvent]:
        yield from lakehouse.run(context, stage, config)
        renew_business_page(context, lakehouse, table)

    return asset

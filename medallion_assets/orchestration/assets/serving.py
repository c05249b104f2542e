"""Serving assets, which bring Gold's figures back to DynamoDB.

Belongs here: how their stages look in Dagster.
Does not: what they do.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from medallion_assets.contracts import pipeline
from medallion_assets.orchestration.assets.business import renew_business_page
from medallion_assets.orchestration.partitions import partitioned_asset
from medallion_assets.orchestration.reporting import AssetEvent, asset_key, asset_options, check_specs
from medallion_assets.orchestration.resources import DynamoDBResource, LakehouseResource
from medallion_assets.orchestration.run_config import config_of
from medallion_assets.stages.asked import AskedPublishing
from medallion_assets.stages.serving import CHECKS, ServingStage

PublishConfig = config_of(AskedPublishing)


def serving_asset(what: pipeline.Published, first_day: date, together: Sequence[pipeline.Gold]) -> dg.AssetsDefinition:
    """The asset of a serving table, partitioned from `first_day` on.

    A run that also makes one of the Gold tables it is published `together` with makes that one first: where it fails,
    Dagster skips this asset (rule P6). A run that holds its days back ends without a materialization.
    """
    stage, table = ServingStage(what, first_day, tuple(together)), what.table

    @partitioned_asset(
        first_day,
        None,
        **asset_options(table, kinds={"dynamodb", "serving"}),
        check_specs=check_specs(table, CHECKS),
        deps=[asset_key(gold.table) for gold in (what.gold, *together)],
        output_required=False,
    )
    def asset(
        context: dg.AssetExecutionContext,
        config: PublishConfig,  # type: ignore[valid-type]
        lakehouse: LakehouseResource,
        dynamodb: DynamoDBResource,
    ) -> Iterator[AssetEvent]:
        yield from lakehouse.run(context, stage, config, serving=dynamodb.serving)
        renew_business_page(context, lakehouse, table)

    return asset

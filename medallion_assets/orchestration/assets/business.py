"""The business page in Dagster: an asset that writes it, and writing it after each publish.

Belongs here: when it is written, and what Dagster shows of it.
Does not: what the page says.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

import dagster as dg

from medallion_assets.contracts.table import Table
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.operations.business.writing import PAGE, write_business_page
from medallion_assets.operations.stages import last_stages
from medallion_assets.orchestration.assets.dashboard import link
from medallion_assets.orchestration.reporting import stage_errors
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.settings import Settings

KEY = dg.AssetKey(["operations", "business"])
DESCRIPTION = "One HTML page of business figures: the charts that the pipelines declare, from Gold."


def business_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset that writes `<lakehouse>/operations/business.html`."""

    @dg.asset(
        key=KEY,
        group_name="operations",
        description=DESCRIPTION,
        owners=["team:data-platform"],
        kinds={"html"},
        pool="operations_business",
        metadata={"page": link(settings, PAGE)},
    )
    def business(lakehouse: LakehouseResource) -> dg.MaterializeResult[None]:
        with stage_errors():
            size_bytes = write_business_page(lakehouse.lakehouse(), lakehouse.now())
            metadata = {"page": link(lakehouse.settings, PAGE), "size_bytes": dg.MetadataValue.int(size_bytes)}
            return dg.MaterializeResult(metadata=metadata)

    return business


def renew_business_page(context: dg.AssetExecutionContext, lakehouse: LakehouseResource, *tables: Table) -> None:
    """Write the page once one of these tables ends what readers wait for; what is published is so without it too."""
    catalog = lakehouse.catalog
    ends = {stage.table.name for stage in last_stages(catalog)} | {
        table.name for built in catalog.dbt for table in built.models
    }
    if catalog.pictures and not ends.isdisjoint(table.name for table in tables):
        try:
            write_business_page(lakehouse.lakehouse(), lakehouse.now())
        except LAKEHOUSE_ERRORS as error:
            context.log.warning("%s was not updated; the monitor will do it: %s", PAGE, error)

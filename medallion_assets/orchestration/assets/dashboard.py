"""The dashboard in Dagster: an asset that writes the page, and links to it.

Belongs here: what Dagster shows of the page.
Does not: what the page says (operations.dashboard), or writing it (writing.py).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from medallion_assets.operations.dashboard.contents import tiles_of
from medallion_assets.operations.dashboard.facts import Facts
from medallion_assets.operations.dashboard.writing import PAGE, write_dashboard
from medallion_assets.operations.monitoring import MONITORING_TABLES
from medallion_assets.operations.pipeline_runs import PIPELINE_RUNS
from medallion_assets.orchestration.reporting import asset_key, stage_errors
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.settings import Settings

KEY = dg.AssetKey(["operations", "dashboard"])
DESCRIPTION = (
    "One HTML page that shows how the pipeline is doing: freshness, incidents, quality, runs, records, publishing."
)


def dashboard_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset that writes `<lakehouse>/operations/dashboard.html`."""

    @dg.asset(
        key=KEY,
        group_name="operations",
        description=DESCRIPTION,
        owners=["team:data-platform"],
        kinds={"plotly", "html"},
        pool="operations_dashboard",
        deps=[asset_key(table) for table in (PIPELINE_RUNS, *MONITORING_TABLES)],
        metadata={"dashboard": link(settings.lakehouse_url)},
    )
    def dashboard(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> dg.MaterializeResult[None]:
        with stage_errors():
            written = write_dashboard(lakehouse.lakehouse(), lakehouse.now())
            context.log.info("%s/%s: %s bytes", lakehouse.url, PAGE, f"{written.size_bytes:,}")
            return dg.MaterializeResult(
                metadata={
                    "dashboard": link(lakehouse.url),
                    "location": dg.MetadataValue.path(f"{lakehouse.url}/{PAGE}"),
                    "size_bytes": written.size_bytes,
                    "problems": len(written.facts.status.problems),
                    "summary": dg.MetadataValue.md(summary(written.facts)),
                }
            )

    return dashboard


def link(lakehouse_url: str) -> dg.MetadataValue[Any]:
    """A link that a browser opens where the page is a local file, else where it lies."""
    if lakehouse_url.startswith("s3://"):
        return dg.MetadataValue.path(f"{lakehouse_url}/{PAGE}")
    return dg.MetadataValue.url(Path(lakehouse_url, PAGE).as_uri())


def summary(facts: Facts) -> str:
    """The figures at the top of the page and what must not stay as it is, as Markdown."""
    figures = [f"- **{tile.figure}** {tile.label}" for tile in tiles_of(facts)]
    problems = [f"- {plain(text)}" for text in (*facts.status.problems, *facts.status.warnings)]
    return "\n".join([*figures, "", *problems])


def plain(text: str) -> str:
    """A text that Markdown shows as it is: errors come from data."""
    shown = text.replace("\n", " ").replace("`", "'")
    return f"`{shown}`"

"""The dashboard in Dagster: an asset that writes the page, and links to it.

Belongs here: what Dagster shows of the page.
Does not: what the page says (sections.py), or writing it (writing.py).

Dagster reads the annotations of an asset itself, so they are not postponed here. Plotly is imported by the run alone.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from medallion_assets.reporting import stage_errors
from medallion_assets.resources import LakehouseResource
from medallion_assets.settings import Settings

KEY = dg.AssetKey(["operations", "dashboard"])
PATH = "operations/dashboard.html"
DESCRIPTION = (
    "One HTML page that shows how the pipeline does: freshness, incidents, quality, runs, records, publishing."
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
        metadata={"dashboard": link(settings.lakehouse_url)},
    )
    def dashboard(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> dg.MaterializeResult[None]:
        from medallion_assets.operations.dashboard.sections import tiles_of
        from medallion_assets.operations.dashboard.writing import write_dashboard

        with stage_errors():
            written = write_dashboard(lakehouse.lakehouse(), lakehouse.now())
            status, tiles = written.facts.status, tiles_of(written.facts)
            context.log.info("%s/%s: %s bytes", lakehouse.url, PATH, f"{written.size_bytes:,}")
            figures = [f"- **{tile.figure}** {tile.label}" for tile in tiles]
            told = [f"- {plain(text)}" for text in (*status.problems, *status.warnings)]
            return dg.MaterializeResult(
                metadata={
                    "dashboard": link(lakehouse.url),
                    "location": dg.MetadataValue.path(f"{lakehouse.url}/{PATH}"),
                    "size_bytes": written.size_bytes,
                    "problems": len(status.problems),
                    "summary": dg.MetadataValue.md("\n".join([*figures, *(["", *told] if told else [])])),
                }
            )

    return dashboard


def link(lakehouse_url: str) -> dg.MetadataValue[Any]:
    """A link that a browser opens where the page is a local file, else where it lies."""
    if lakehouse_url.startswith("s3://"):
        return dg.MetadataValue.path(f"{lakehouse_url}/{PATH}")
    return dg.MetadataValue.url(Path(lakehouse_url, PATH).as_uri())


def plain(text: str) -> str:
    """A text that Markdown shows as it is: errors come from data."""
    return text.replace("\n", " ").replace("`", "'").join("``")

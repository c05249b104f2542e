"""The dashboard in Dagster: an asset that writes the page, and links to it.

Belongs here: what Dagster shows of the page.
Does not: what the page says, or writing it.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from typing import Any

import dagster as dg

from medallion_assets.operations.dashboard.answers import answers_of
from medallion_assets.operations.dashboard.facts import DashboardFacts
from medallion_assets.operations.dashboard.needs import needs_of
from medallion_assets.operations.dashboard.writing import PAGE, write_dashboard
from medallion_assets.operations.tables.monitoring import MONITORING_TABLES
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS
from medallion_assets.orchestration.reporting import asset_key, stage_errors
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.settings import Settings

KEY = dg.AssetKey(["operations", "dashboard"])
DESCRIPTION = (
    "One HTML page: is everything complete, fresh and good, what needs a person now, and charts of the last days."
)


def dashboard_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset that writes `<lakehouse>/operations/dashboard.html`."""

    @dg.asset(
        key=KEY,
        group_name="operations",
        description=DESCRIPTION,
        owners=["team:data-platform"],
        kinds={"html"},
        pool="operations_dashboard",
        deps=[asset_key(table) for table in (PIPELINE_RUNS, *MONITORING_TABLES)],
        metadata={"dashboard": link(settings, PAGE)},
    )
    def dashboard(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> dg.MaterializeResult[None]:
        with stage_errors():
            written = write_dashboard(
                lakehouse.lakehouse(),
                lakehouse.now(),
                ui_url=settings.ui_url,
                raw_url=lakehouse.settings.raw_url,
                command_prefix=settings.command_prefix,
            )
            context.log.info("%s/%s: %s bytes", lakehouse.settings.lakehouse_url, PAGE, f"{written.size_bytes:,}")
            return dg.MaterializeResult(
                metadata={
                    "dashboard": link(lakehouse.settings, PAGE),
                    "location": dg.MetadataValue.path(f"{lakehouse.settings.lakehouse_url}/{PAGE}"),
                    "size_bytes": written.size_bytes,
                    "needs": len(needs_of(written.facts)),
                    "summary": dg.MetadataValue.md(summary(written.facts)),
                }
            )

    return dashboard


def link(settings: Settings, page: str) -> dg.MetadataValue[Any]:
    """A link where the pages are served; else where the page lies, for a browser opens no file from the UI."""
    if settings.pages_url:
        return dg.MetadataValue.url(f"{settings.pages_url}/{page.rsplit('/', 1)[-1]}")
    return dg.MetadataValue.path(f"{settings.lakehouse_url}/{page}")


def summary(facts: DashboardFacts) -> str:
    """The answers at the top of the page and what needs a person, as Markdown."""
    answers = [f"- {verdict.question}: **{plain(verdict.answer)}**" for verdict in answers_of(facts)]
    needs = [f"- {plain(f'{need.where}: {need.what}')}" for need in needs_of(facts)]
    return "\n".join([*answers, "", *needs])


def plain(text: str) -> str:
    """A text that Markdown shows as it is: errors come from data."""
    shown = text.replace("\n", " ").replace("`", "'")
    return f"`{shown}`"

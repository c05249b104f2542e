"""Fetching in Dagster: an asset `raw/<table>` for each table that comes from an API, and the job that fetches it.

Belongs here: what Dagster shows of it, and when it runs unless settings say otherwise.
Does not: fetching, or loading what was fetched: that is `bronze/<table>`, which comes after it.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from medallion_assets.contracts.fetching import Fetched
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.operations.fetching import fetch, fetched_tables, fetching_source
from medallion_assets.operations.unrecorded import FETCH, fetch_of
from medallion_assets.orchestration.dagster_tags import PRIORITY
from medallion_assets.orchestration.reporting import key_named, metadata
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.runs.run_limits import limit_tags
from medallion_assets.orchestration.runs.stage_limits import StageLimit
from medallion_assets.stages.figures import Location, as_table

WINDOWS_SHOWN = 100
FIGURES = ("pages", "records", "bytes")


def fetched_key(loaded: Loaded) -> dg.AssetKey:
    """`raw/<table>`."""
    return key_named(fetch_of(loaded.table))


def fetch_job_name(pipeline: Pipeline, loaded: Loaded) -> str:
    """The job that fetches for one table."""
    return pipeline.job(f"{FETCH}_{loaded.table.short_name}")


def fetched_keys(pipeline: Pipeline) -> list[dg.AssetKey]:
    """The assets of all tables of a pipeline that come from an API."""
    return [fetched_key(loaded) for loaded in fetched_tables(pipeline)]


def fetched_asset(loaded: Loaded, environment: Mapping[str, str]) -> dg.AssetsDefinition:
    """The asset `raw/<table>`: windows of the API, in the table's raw place. Its pool lets one run fetch at a time.

    `environment` holds the secrets that the declaration names.
    """
    key, limits = fetched_key(loaded), loaded.loading_limits

    @dg.asset(
        key=key,
        group_name="raw",
        description=f"The API's answers for {loaded.table.short_name}, window by window, stored unchanged.",
        owners=list(loaded.table.owners),
        kinds={loaded.source.technology, "json"},
        pool=key.to_python_identifier(),
    )
    def fetched(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> dg.MaterializeResult[None]:
        windows: list[Fetched] = []
        asked_again: list[str] = []

        def report(why: str) -> None:
            asked_again.append(why)
            context.log.warning(why)

        def work() -> None:
            """What an attempt that failed had landed stays, and the next one goes on after it."""
            options, now = lakehouse.settings.storage_options, lakehouse.now()
            for found in fetch(loaded, lakehouse.settings.raw_url, options, environment, now, report=report):
                context.log.info("%s: window %s is landed", loaded.table.short_name, found.id)
                windows.append(found)

        with (
            lakehouse.retried(context, limits),
            StageLimit(context, fetch_of(loaded.table), limits) as limit,
            limit.heard(),
        ):
            lakehouse.repeating.run(work, report)
        figures = fetched_metadata(loaded, lakehouse.settings.raw_url, windows, asked_again)
        return dg.MaterializeResult(metadata=metadata(figures))

    return fetched


def fetched_metadata(loaded: Loaded, raw_url: str, windows: list[Fetched], asked_again: list[str]) -> dict[str, Any]:
    """What this attempt landed; no more of the API than the windows that it was asked for.

    What an attempt before it had landed is in the run's log.
    """
    landed = [{"window": found.id, **{name: getattr(found, name) for name in FIGURES}} for found in windows]
    return {
        "windows": len(windows),
        **{name: sum(getattr(found, name) for found in windows) for name in FIGURES},
        "retries": len(asked_again),
        "reaches_until": str(windows[-1].reaches_until) if windows else "as before",
        "location": Location(f"{raw_url}/{loaded.table.short_name}"),
        "landed": as_table(landed[-WINDOWS_SHOWN:]),
    }


def fetch_jobs(pipeline: Pipeline) -> list["dg.UnresolvedAssetJobDefinition"]:
    """A job for each table that comes from an API."""
    return [
        dg.define_asset_job(
            fetch_job_name(pipeline, loaded),
            selection=dg.AssetSelection.assets(fetched_key(loaded)),
            description=f"Fetch what changed in {loaded.table.short_name} since the last window from its API.",
            tags={**limit_tags([loaded.loading_limits]), PRIORITY: "0"},
            executor_def=dg.in_process_executor,
        )
        for loaded in fetched_tables(pipeline)
    ]


def fetch_lines(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """The cron lines of each of these jobs, as the sources declare them."""
    return {fetch_job_name(pipeline, loaded): fetching_source(loaded).fetched_at for loaded in fetched_tables(pipeline)}

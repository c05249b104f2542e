"""What Dagster loads: every room's assets, put together.

Belongs here: `build_defs`, and the one call that Dagster imports.
Does not: anything else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import dagster as dg

from medallion_assets.contracts.catalog import Catalog, load_catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.deriving.dbt.docs_place import FOLDER as DOCS
from medallion_assets.deriving.dbt.docs_place import DocsPlace
from medallion_assets.operations.alerts.queries import read_query_alerts
from medallion_assets.operations.fetching import fetched_tables
from medallion_assets.operations.tables.every import expect_kept_apart
from medallion_assets.orchestration.assets.bronze import bronze_asset
from medallion_assets.orchestration.assets.business import KEY as BUSINESS
from medallion_assets.orchestration.assets.business import business_asset
from medallion_assets.orchestration.assets.dashboard import KEY as DASHBOARD
from medallion_assets.orchestration.assets.dashboard import dashboard_asset
from medallion_assets.orchestration.assets.dbt import dbt_assets
from medallion_assets.orchestration.assets.fetched import fetch_jobs, fetched_asset
from medallion_assets.orchestration.assets.fresh_checks import fresh_check_keys, fresh_checks
from medallion_assets.orchestration.assets.gold import gold_asset
from medallion_assets.orchestration.assets.incidents import diagnose_job, incident
from medallion_assets.orchestration.assets.monitor import monitor_job, operations_assets
from medallion_assets.orchestration.assets.query_alerts import query_alerts_asset, query_alerts_job
from medallion_assets.orchestration.assets.serving import serving_asset
from medallion_assets.orchestration.assets.silver import derived_asset, silver_asset
from medallion_assets.orchestration.hosting.instance_settings import warn_in_dagster_dev
from medallion_assets.orchestration.hosting.shell_commands import may_compute, refusals_in_one_message
from medallion_assets.orchestration.jobs import jobs
from medallion_assets.orchestration.recipients import expect_known_recipients
from medallion_assets.orchestration.resources import DynamoDBResource, LakehouseResource
from medallion_assets.orchestration.runs.planned_code import CODE, loaded_code, note_in_plans
from medallion_assets.orchestration.schedules import schedules
from medallion_assets.orchestration.sensors.alerts import outcome_sensors
from medallion_assets.orchestration.sensors.arrivals import arrival_sensors
from medallion_assets.orchestration.sensors.completed import completed_sensors
from medallion_assets.orchestration.sensors.restated.sensors import restated_sensors
from medallion_assets.orchestration.sensors.run_if import run_if_sensors
from medallion_assets.orchestration.sensors.update import update_sensors
from medallion_assets.publishing.serving import Serving
from medallion_assets.refining.judging.checked_contracts import checked, expect_conditions
from medallion_assets.settings import Settings, load_settings
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.stages.all import expect_known_tables


def build_defs(
    settings: Settings,
    pipelines: Sequence[Pipeline] | None = None,
    *,
    resources: Mapping[str, object] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """The whole asset graph of some pipelines, by default those that the settings name.

    `resources` and `loggers` stand in for the usual ones: those of `lakehouse` and `dynamodb` that the settings say.

    Raises:
        PermanentError: a contract, or what the pipelines make of them together, cannot be kept.
    """
    catalog = load_catalog(settings.pipelines) if pipelines is None else Catalog(tuple(pipelines))
    expect_kept_apart(catalog)
    for table in catalog.loaded_tables:
        checked(table)  # a contract that cannot work is refused here, not in its first run
        if may_compute(sys.argv):
            expect_conditions(table)
    first_day = settings.first_day
    expect_known_tables(settings.compute, catalog, first_day)
    expect_known_recipients(settings, catalog)
    queries = read_query_alerts(settings.query_alerts)
    duckdb_limits = DuckDBLimits(memory=settings.duckdb_memory, threads=settings.duckdb_threads)
    fresh_keys = fresh_check_keys(catalog)
    docs = DocsPlace(folder=settings.home / DOCS, url=settings.dbt_docs_url)
    code = loaded_code(settings, catalog)
    note_in_plans(code)
    return dg.Definitions(
        assets=[
            *(
                fetched_asset(loaded, settings.environment)
                for pipeline in catalog.pipelines
                for loaded in fetched_tables(pipeline)
            ),
            *(bronze_asset(loaded) for loaded in catalog.loaded),
            *(silver_asset(loaded) for loaded in catalog.loaded),
            *(derived_asset(derived) for derived in catalog.derived),
            *(
                gold_asset(gold, first_day, is_read=pipeline.publishing(gold) is None)
                for pipeline in catalog.pipelines
                for gold in pipeline.gold
            ),
            *(dbt_assets(built, duckdb_limits, docs) for built in catalog.dbt),
            *(
                serving_asset(published, first_day, pipeline.published_with(published))
                for pipeline in catalog.pipelines
                for published in pipeline.published
            ),
            *operations_assets(),
            dashboard_asset(settings),
            *([business_asset(settings)] if catalog.pictures else []),
            *([query_alerts_asset(settings, queries)] if queries else []),
            incident,
        ],
        asset_checks=[fresh_checks(catalog)] if fresh_keys else [],
        resources={
            "lakehouse": LakehouseResource.of_settings(settings, catalog, code=code),
            "dynamodb": DynamoDBResource(serving=Serving.of(settings)),
            **(resources or {}),
        },
        jobs=[
            *jobs(catalog, fresh_keys, retry_seconds=settings.step_retry_seconds),
            *(job for pipeline in catalog.pipelines for job in fetch_jobs(pipeline)),
            monitor_job(also=[DASHBOARD, *([BUSINESS] if catalog.pictures else [])], checks=fresh_keys),
            diagnose_job(),
            *([query_alerts_job(queries)] if queries else []),
        ],
        schedules=schedules(settings, catalog),
        sensors=[
            *(sensor for pipeline in catalog.pipelines for sensor in pipeline_sensors(settings, pipeline)),
            *run_if_sensors(settings, catalog),
            *outcome_sensors(settings),
        ],
        executor=dg.in_process_executor,
        loggers=loggers,
        metadata={CODE: code},
    )


def pipeline_sensors(settings: Settings, pipeline: Pipeline) -> list[dg.SensorDefinition]:
    """The sensors that start a pipeline's runs."""
    return [
        *arrival_sensors(settings, pipeline),
        *update_sensors(settings, pipeline),
        *restated_sensors(settings, pipeline),
        *completed_sensors(settings, pipeline),
    ]


warn_in_dagster_dev(inherited_environment())
with refusals_in_one_message(sys.argv):
    defs = build_defs(load_settings())

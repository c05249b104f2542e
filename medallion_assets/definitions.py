"""What Dagster loads: every room's assets, put together.

Belongs here: `build_defs`, and the one call that Dagster imports.
Does not: anything else.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from medallion_assets.orchestration.assets.bronze import bronze_asset
from medallion_assets.orchestration.assets.dashboard import KEY as DASHBOARD
from medallion_assets.orchestration.assets.dashboard import dashboard_asset
from medallion_assets.orchestration.assets.gold import gold_assets
from medallion_assets.orchestration.assets.incidents import diagnose_job, incident
from medallion_assets.orchestration.assets.monitor import monitor_job, operations_assets
from medallion_assets.orchestration.assets.serving import serving_assets
from medallion_assets.orchestration.assets.silver import enriched_transactions, silver_asset
from medallion_assets.orchestration.jobs import jobs
from medallion_assets.orchestration.resources import DynamoDBResource, LakehouseResource
from medallion_assets.orchestration.schedules import schedules
from medallion_assets.orchestration.sensors.alerts import outcome_sensors
from medallion_assets.orchestration.sensors.arrival import arrival_sensors
from medallion_assets.orchestration.sensors.restated import restated_sensors
from medallion_assets.orchestration.sensors.run_if import run_if_sensors
from medallion_assets.orchestration.sensors.update import update_sensors
from medallion_assets.pipelines.transactions.tables import EXPORTED_TABLES
from medallion_assets.settings import Settings, load_settings


def build_defs(
    settings: Settings,
    *,
    dynamodb: DynamoDBResource | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """The whole asset graph for some settings; `dynamodb` and `loggers` stand in for the usual ones."""
    return dg.Definitions(
        assets=[
            *(bronze_asset(table) for table in EXPORTED_TABLES),
            *(silver_asset(table) for table in EXPORTED_TABLES),
            enriched_transactions,
            *gold_assets(settings.first_day),
            *serving_assets(settings.first_day),
            *operations_assets(),
            dashboard_asset(settings),
            incident,
        ],
        resources={
            "lakehouse": LakehouseResource(
                url=settings.lakehouse_url,
                raw_url=settings.raw_url,
                storage_options=settings.storage_options,
                repetitions=settings.repetitions,
                first_wait_seconds=settings.first_wait_seconds,
            ),
            "dynamodb": dynamodb
            or DynamoDBResource(
                region=settings.aws_region,
                creates_tables=settings.creates_tables,
                prefix=settings.serving_prefix,
                publish_samples=list(settings.publish_samples),
            ),
        },
        jobs=[*jobs(), monitor_job(also=[DASHBOARD]), diagnose_job()],
        schedules=schedules(settings),
        sensors=[
            *arrival_sensors(settings),
            *update_sensors(settings),
            *restated_sensors(settings),
            *run_if_sensors(settings),
            *outcome_sensors(settings),
        ],
        executor=dg.in_process_executor,
        loggers=loggers,
    )


defs = build_defs(load_settings())

"""Sensors that complete releases of dbt models: built again once their sources cover days that were closed without.

Belongs here: one sensor for each build.
Does not: whether days are covered, or when and how often to ask.

What merely has changed waits for the next build; days that were closed before they were complete do not (rule V6).
Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from datetime import datetime

import dagster as dg

from medallion_assets.contracts.pipeline import DbtModels, Pipeline
from medallion_assets.contracts.sensor_names import completed
from medallion_assets.contracts.triggers import Mode
from medallion_assets.operations.stages import DBT
from medallion_assets.orchestration.requests import sensor_status, timers_of
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.asking import SensorLook, Subject, asking_sensor
from medallion_assets.orchestration.sensors.cadence import woken_every
from medallion_assets.orchestration.sensors.update import trigger_context
from medallion_assets.orchestration.sensors.watching import watch_release
from medallion_assets.settings import Settings
from medallion_assets.triggers.table_update import UpdateCursor, Watched, evaluate, format_updates


def completed_sensors(settings: Settings, pipeline: Pipeline) -> list[dg.SensorDefinition]:
    """The sensors `completed_<build>`, one for the models of each dbt project."""
    return [_sensor(settings, pipeline, built) for built in pipeline.dbt]


def _sensor(settings: Settings, pipeline: Pipeline, built: DbtModels) -> dg.SensorDefinition:
    timers = timers_of(settings, built.update_timers)

    def look(lakehouse: LakehouseResource, now: datetime, cursor: UpdateCursor) -> SensorLook[UpdateCursor, Watched]:
        asking = evaluate(now, cursor, watch_release(lakehouse.lakehouse(), built), Mode.ANY, timers)
        return SensorLook(asking=asking, waits=format_updates(asking.wanted), why=trigger_context(asking.wanted))

    subject = Subject(
        settings=settings,
        pipeline=pipeline,
        job=DBT,
        of=built.models[-1],
        makes=built.models,
        timers=timers,
        look=look,
    )
    return asking_sensor(
        subject,
        UpdateCursor,
        name=completed(built),
        description=f"Builds {built.name} again once its sources cover days that the latest release closed without.",
        status=sensor_status(settings),
        every_seconds=woken_every(settings, timers),
    )

"""Table-update sensors: Silver is asked for when Bronze has what it can settle, a derived table when it lags.

Belongs here: the sensors.
Does not: what has an update, or when to ask.

A run of Silver derives in the same run; the sensors of derived tables repair what one that failed halfway left. Without
timers the run that loads a batch refines it too, and the sensor of Silver finds work only when that failed, or when
somebody decided about a batch. What a run has written wakes the sensors of what is made from it; their own interval is
a net. Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import dagster as dg

from medallion_assets.contracts.pipeline import Derived, Loaded, Pipeline
from medallion_assets.contracts.sensor_names import table_update
from medallion_assets.contracts.triggers import Mode
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import REFINE
from medallion_assets.orchestration.requests import sensor_status, timers_of
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.asking import SensorLook, Subject, asking_sensor
from medallion_assets.orchestration.sensors.cadence import woken_every
from medallion_assets.orchestration.sensors.watching import watch_bronze, watch_sources
from medallion_assets.orchestration.trigger_context import TriggerContext, UpdatedTable
from medallion_assets.settings import Settings
from medallion_assets.triggers.table_update import UpdateCursor, Watched, evaluate, format_updates

WHICH = {Mode.ANY: "one", Mode.ALL: "each"}


def update_sensors(settings: Settings, pipeline: Pipeline) -> list[dg.SensorDefinition]:
    """The sensors `table_update_<table>` for each loaded and each derived table."""
    judged = [
        _update_sensor(
            settings,
            pipeline,
            loaded,
            watch=partial(watch_bronze, loaded=loaded),
            description=f"Requests {loaded.table.path} and its downstream tables when Bronze has "
            f"{loaded.source.batch_word}s that it can settle.",
        )
        for loaded in pipeline.loaded
    ]
    derived = [
        _update_sensor(
            settings,
            pipeline,
            made,
            watch=partial(watch_sources, derived=made),
            mode=made.updates,
            description=f"Requests {made.table.path} when {WHICH[made.updates]} of its sources is newer and no run "
            f"is about to build it.",
        )
        for made in pipeline.derived
    ]
    return [*judged, *derived]


def _update_sensor(
    settings: Settings,
    pipeline: Pipeline,
    declared: Loaded | Derived,
    *,
    watch: Callable[[Lakehouse], Sequence[Watched]],
    description: str,
    mode: Mode = Mode.ANY,
) -> dg.SensorDefinition:
    """The sensor of a table: it asks for a run that makes it and what is derived from it, unless one is at work."""
    table, timers = declared.table, timers_of(settings, declared.update_timers)

    def look(lakehouse: LakehouseResource, now: datetime, cursor: UpdateCursor) -> SensorLook[UpdateCursor, Watched]:
        asking = evaluate(now, cursor, watch(lakehouse.lakehouse()), mode, timers)
        return SensorLook(
            asking=asking,
            waits=format_updates(asking.wanted),
            why=trigger_context(asking.wanted),
            months={month for source in asking.wanted for month in source.months},
        )

    subject = Subject(
        settings=settings,
        pipeline=pipeline,
        job=REFINE,
        of=table,
        makes=[table, *pipeline.derived_from(table)],
        timers=timers,
        look=look,
    )
    return asking_sensor(
        subject,
        UpdateCursor,
        name=table_update(table),
        description=description,
        status=sensor_status(settings),
        every_seconds=woken_every(settings, timers),
    )


def trigger_context(updated: Sequence[Watched]) -> TriggerContext:
    """Why the run was asked for."""
    tables = [UpdatedTable(table=source.table, version=source.version) for source in updated]
    return TriggerContext(trigger="table_update", tables=tables)

"""Table-update sensors: Silver is asked for when Bronze has what it can settle, a derived table when it lags.

Belongs here: the sensors.
Does not: what has an update (watching.py), or the decision (triggers/table_update.py).

A run of Silver derives in the same run; the sensors of derived tables repair what one that failed halfway left.
Without timers the run that loads an export refines it too (arrival.py), and these sensors find work only when
that failed, or when somebody decided about an export.
Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Callable, Sequence
from functools import partial

import dagster as dg

from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.table import Table, Timers
from medallion_assets.contracts.triggers import Mode
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import REFINE
from medallion_assets.orchestration.requests import (
    INTERVAL_SECONDS,
    give_up,
    is_at_work,
    request,
    sensor_status,
    timers_of,
)
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.watching import watch_bronze, watch_sources
from medallion_assets.orchestration.trigger_context import TriggerContext, UpdatedTable
from medallion_assets.settings import Settings
from medallion_assets.triggers.table_update import Watched, decide, format_updates, while_active

WHICH = {Mode.ANY: "one", Mode.ALL: "each"}


def update_sensors(settings: Settings, pipeline: Pipeline) -> list[dg.SensorDefinition]:
    """The sensors `table_update_<table>` for each loaded and each derived table."""
    judged = [
        update_sensor(
            f"table_update_{table.short_name}",
            settings,
            job=pipeline.job(REFINE),
            watch=partial(watch_bronze, table=table),
            made=[table, *pipeline.derived_from(table)],
            timers=timers_of(settings, table.update_timers),
            status=sensor_status(settings),
            description=f"Asks for {table.path} and what follows when Bronze holds exports that it can settle.",
        )
        for table in (loaded.table for loaded in pipeline.loaded)
    ]
    derived = [
        update_sensor(
            f"table_update_{one.table.short_name}",
            settings,
            job=pipeline.job(REFINE),
            watch=partial(watch_sources, derived=one),
            made=[one.table, *pipeline.derived_from(one.table)],
            mode=one.updates,
            timers=timers_of(settings, one.table.update_timers),
            status=sensor_status(settings),
            description=f"Asks for {one.table.path} when {WHICH[one.updates]} of its sources is newer and no run is "
            "about to.",
        )
        for one in pipeline.derived
    ]
    return [*judged, *derived]


def update_sensor(
    name: str,
    settings: Settings,
    *,
    job: str,
    watch: Callable[[Lakehouse], Sequence[Watched]],
    made: Sequence[Table],
    timers: Timers,
    description: str,
    mode: Mode = Mode.ANY,
    status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """A sensor that asks for a run of `job` which makes some tables, when any or all of those it watches are newer.

    It asks for nothing while a run is at work that writes the first of `made`.
    """
    (first, *_) = made

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        description=description,
    )
    def sensor(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        now = lakehouse.now()
        if is_at_work(context.instance, lakehouse.catalog, [first]):
            held = while_active(now, context.cursor, timers)
            return dg.SensorResult(skip_reason=held.reason, cursor=held.cursor)
        decision = decide(now, context.cursor, watch(lakehouse.lakehouse()), mode, timers)
        if decision.gives_up:
            give_up(
                context, lakehouse, settings, key=decision.state.signature or "", what=format_updates(decision.updated)
            )
        if decision.ask is None:
            return dg.SensorResult(skip_reason=decision.reason, cursor=decision.cursor)
        run_key = f"{decision.ask.signature}/{decision.ask.attempt}"
        asked = request(job, made, trigger_context(decision.updated), of=first, run_key=run_key)
        return dg.SensorResult(run_requests=[asked], cursor=decision.cursor)

    return sensor


def trigger_context(updated: Sequence[Watched]) -> TriggerContext:
    """What the run is told of why it runs."""
    tables = [UpdatedTable(table=one.table, version=one.version) for one in updated]
    return TriggerContext(trigger="table_update", tables=tables)

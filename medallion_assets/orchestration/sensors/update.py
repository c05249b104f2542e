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
from medallion_assets.contracts.table import Table
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
        _update_sensor(
            settings,
            pipeline,
            loaded.table,
            watch=partial(watch_bronze, table=loaded.table),
            description=f"Asks for {loaded.table.path} and what follows when Bronze holds exports that it can settle.",
        )
        for loaded in pipeline.loaded
    ]
    derived = [
        _update_sensor(
            settings,
            pipeline,
            made.table,
            watch=partial(watch_sources, derived=made),
            mode=made.updates,
            description=f"Asks for {made.table.path} when {WHICH[made.updates]} of its sources is newer and no run is "
            "about to.",
        )
        for made in pipeline.derived
    ]
    return [*judged, *derived]


def _update_sensor(
    settings: Settings,
    pipeline: Pipeline,
    table: Table,
    *,
    watch: Callable[[Lakehouse], Sequence[Watched]],
    description: str,
    mode: Mode = Mode.ANY,
) -> dg.SensorDefinition:
    """The sensor of a table: it asks for a run that makes it and what is derived from it, unless one is at work."""
    job, made = pipeline.job(REFINE), [table, *pipeline.derived_from(table)]
    timers = timers_of(settings, table.update_timers)

    @dg.sensor(
        name=f"table_update_{table.short_name}",
        job_name=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=sensor_status(settings),
        description=description,
    )
    def sensor(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        now = lakehouse.now()
        if is_at_work(context.instance, lakehouse.catalog, [table]):
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
        asked = request(job, made, trigger_context(decision.updated), of=table, run_key=run_key)
        return dg.SensorResult(run_requests=[asked], cursor=decision.cursor)

    return sensor


def trigger_context(updated: Sequence[Watched]) -> TriggerContext:
    """Why the run was asked for."""
    tables = [UpdatedTable(table=source.table, version=source.version) for source in updated]
    return TriggerContext(trigger="table_update", tables=tables)

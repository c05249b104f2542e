"""File-arrival sensors of a pipeline: one for each loaded table, or one for all of those that no timer holds back.

Belongs here: which sensors there are, and the one that asks for a run of all tables that have arrivals.
Does not: what is looked at for each table (arrival.py), or which tables go together (triggers/together.py).

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.source import Found
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import INGEST_AND_REFINE
from medallion_assets.orchestration.requests import joint_request, sensor_status, timers_of
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.arrival import arrival_sensor, arrival_subject
from medallion_assets.orchestration.sensors.asking import Look, Subject
from medallion_assets.orchestration.sensors.cadence import EVERY_SECONDS, minimum_interval
from medallion_assets.orchestration.sensors.watching import watch_bronze
from medallion_assets.settings import Settings
from medallion_assets.triggers import file_arrival
from medallion_assets.triggers.cursors import dump_cursor, load_cursor
from medallion_assets.triggers.debounce import signature_of
from medallion_assets.triggers.together import Cursor, go_together

Subjects = Mapping[str, Subject[file_arrival.Cursor, Found]]
Looks = Mapping[str, Look[file_arrival.Cursor, Found]]
"""By the table's name."""


def arrival_sensors(settings: Settings, pipeline: Pipeline) -> list[dg.SensorDefinition]:
    """`file_arrival_<table>` for each loaded table; `arrivals_<pipeline>` for several whose timers are all 0."""
    at_once = [loaded for loaded in pipeline.loaded if _refines_at_once(settings, loaded)]
    together = at_once if len(at_once) > 1 else []
    own = [
        arrival_sensor(
            pipeline,
            loaded,
            timers_of(settings, loaded.arrival_timers),
            refines=timers_of(settings, loaded.update_timers) == AT_ONCE,
            status=sensor_status(settings),
            settings=settings,
        )
        for loaded in pipeline.loaded
        if loaded not in together
    ]
    return [*own, *([arrivals_sensor(settings, pipeline, together)] if together else [])]


def _refines_at_once(settings: Settings, loaded: Loaded) -> bool:
    timers = {timers_of(settings, loaded.arrival_timers), timers_of(settings, loaded.update_timers)}
    return timers == {AT_ONCE} and loaded.months is None


def arrivals_sensor(settings: Settings, pipeline: Pipeline, tables: Sequence[Loaded]) -> dg.SensorDefinition:
    """The sensor of some tables, each with its own cursor and attempts, which asks for one run of all that wait.

    A table that cannot be looked at stops no other: its error fails the tick unless others ask for a run in it.
    """
    subjects = {
        loaded.table.short_name: arrival_subject(pipeline, loaded, AT_ONCE, refines=True, settings=settings)
        for loaded in tables
    }
    declared = {loaded.table.short_name: loaded for loaded in tables}

    @dg.sensor(
        name=f"arrivals_{pipeline.name}",
        job_name=pipeline.job(INGEST_AND_REFINE),
        minimum_interval_seconds=minimum_interval(EVERY_SECONDS),
        default_status=sensor_status(settings),
        description=f"Asks for one run of all of {', '.join(subjects)} that have complete exports which are not in.",
    )
    def arrivals(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        before = load_cursor(Cursor, context.cursor) or Cursor()
        looks, errors = _look_at(subjects, context, lakehouse, before)
        asks = [name for name, look in looks.items() if look.asking.ask is not None]
        if errors and not asks:
            raise errors[0]
        left_over = [name for name in asks if _has_left_over(lakehouse.lakehouse(), declared[name])]
        cursor = before.after({name: look.asking for name, look in looks.items()}, left_over=left_over)
        together = go_together(cursor, asks)
        return dg.SensorResult(
            run_requests=list(_requests(pipeline, subjects, {name: looks[name] for name in asks}, together)),
            skip_reason=None if asks else "; ".join(f"{name}: {look.asking.reason}" for name, look in looks.items()),
            cursor=dump_cursor(cursor),
        )

    return arrivals


def _look_at(
    subjects: Subjects, context: dg.SensorEvaluationContext, lakehouse: LakehouseResource, before: Cursor
) -> tuple[Looks, list[Exception]]:
    """What is seen of each table, and the errors of those that cannot be looked at."""
    looks, errors = dict[str, Look[file_arrival.Cursor, Found]](), list[Exception]()
    for name, subject in subjects.items():
        try:
            looks[name] = subject.tick(context, lakehouse, before.tables.get(name, file_arrival.Cursor()))
        except Exception as error:  # whatever it is, the other tables go on
            context.log.exception("%s cannot be looked at", subject.of.name)
            errors.append(error)
    return looks, errors


def _requests(pipeline: Pipeline, subjects: Subjects, asked: Looks, together: Sequence[str]) -> Iterator[dg.RunRequest]:
    """One run of all that go `together`, and one of each of the others."""
    if together:
        parts = [(subjects[name].makes, asked[name].why) for name in together]
        key = signature_of([[name, asked[name].run_key] for name in together])
        yield joint_request(pipeline, INGEST_AND_REFINE, parts, run_key=key)
    for name, look in asked.items():
        if name not in together:
            yield from subjects[name].requests(look)


def _has_left_over(lakehouse: Lakehouse, loaded: Loaded) -> bool:
    """Whether a run before has loaded what Silver could have taken in, and has not, or nobody can tell."""
    try:
        return any(watched.is_updated for watched in watch_bronze(lakehouse, loaded))
    except LAKEHOUSE_ERRORS:
        return True

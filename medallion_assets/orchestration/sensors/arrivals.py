"""File-arrival sensors of a pipeline: one for each loaded table, or one for all of those that no timer holds back.

Belongs here: which sensors there are, and the one that asks for a run of all tables that have arrivals.
Does not: what is looked at for each table, or which tables go together.

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import dagster as dg

from medallion_assets.contracts import sensor_names
from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.source import Found
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import cut
from medallion_assets.operations.stages import INGEST_AND_REFINE
from medallion_assets.orchestration.hosting.shell_commands import ticks_in_messages
from medallion_assets.orchestration.requests import (
    Part,
    alert_or_log,
    is_at_work,
    joint_request,
    log_error,
    sensor_status,
    timers_of,
    under_new_key,
)
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.arrival import arrival_sensor, arrival_subject
from medallion_assets.orchestration.sensors.asking import SensorLook, Subject
from medallion_assets.orchestration.sensors.cadence import arrivals_every, is_notified, look_again, minimum_interval
from medallion_assets.orchestration.sensors.watching import watch_bronze
from medallion_assets.settings import Settings
from medallion_assets.triggers.debounce import signature_of
from medallion_assets.triggers.file_arrival import ArrivalCursor
from medallion_assets.triggers.look_limits import LIMITS
from medallion_assets.triggers.next_look import SOON_SECONDS, seconds_until_next_look
from medallion_assets.triggers.together import TablesCursor

LOOKING_SECONDS = 20
"""After so long a tick looks at no further table: Dagster ends one that takes 60 s, and with it all that it has seen.
"""
ERROR_CHARACTERS = 300
"""Characters of an error in a skip reason; the log of the tick has all."""
Subjects = Mapping[str, Subject[ArrivalCursor, Found]]
"""By the table's name."""


@dataclass
class ArrivalLooks:
    """What a tick saw of each table, in the order of the pipeline, and what it could not see."""

    looks: dict[str, SensorLook[ArrivalCursor, Found]] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    unreached: list[str] = field(default_factory=list)

    @property
    def asks(self) -> dict[str, SensorLook[ArrivalCursor, Found]]:
        """The looks at tables that ask for a run."""
        return {name: look for name, look in self.looks.items() if look.asking.ask is not None}

    def __str__(self) -> str:
        """Say for people what holds for each table."""
        reasons = [f"{name}: {look.asking.reason}" for name, look in self.looks.items()]
        for name, error in self.errors.items():
            reasons.append(f"{name} cannot be looked at: {cut(str(error), ERROR_CHARACTERS)}")
        return "; ".join([*reasons, *(f"{name}: first in the next tick" for name in self.unreached)])


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

    A table that cannot be looked at stops no other: its error fails the tick when nothing else is to be kept, and is
    told to people, unless it may pass by itself.
    """
    limits = replace(LIMITS, share_requests=max(1, LIMITS.share_requests // len(tables)))
    subjects = {
        loaded.table.short_name: arrival_subject(
            pipeline, loaded, AT_ONCE, refines=True, settings=settings, limits=limits
        )
        for loaded in tables
    }
    declared = {loaded.table.short_name: loaded for loaded in tables}
    longest = arrivals_every(settings)

    @dg.sensor(
        name=sensor_names.arrivals(pipeline),
        job_name=pipeline.job(INGEST_AND_REFINE),
        minimum_interval_seconds=minimum_interval(longest),
        default_status=sensor_status(settings),
        description=f"Requests one run for all of {', '.join(subjects)} that have what is complete and not loaded yet.",
    )
    @ticks_in_messages()
    def arrivals(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        before = from_json_or_none(TablesCursor, context.cursor) or TablesCursor()
        seen = _look_at(subjects, context, lakehouse, before)
        looks = {name: look.asking for name, look in seen.looks.items()}
        look_again(context, sensor_names.arrivals(pipeline), _next_look(lakehouse, settings, seen), longest=longest)
        cursor = to_json(before.after(looks, unreached=seen.unreached))
        if lasting := {name: error for name, error in seen.errors.items() if isinstance(error, PermanentError)}:
            alerts = [subjects[name].unseen(error, lakehouse.now()) for name, error in lasting.items()]
            alert_or_log(context, lakehouse, settings, alerts)
        if seen.errors and cursor == context.cursor:
            raise next(iter(seen.errors.values()))
        alone = [name for name in seen.asks if _goes_alone(context, lakehouse, declared[name])]
        together = before.go_together(looks, alone=alone)
        requests = _requests(pipeline, subjects, seen.asks, together)
        return dg.SensorResult(
            run_requests=[under_new_key(context.instance, wanted) for wanted in requests],
            skip_reason=None if seen.asks else str(seen),
            cursor=cursor,
        )

    return arrivals


def _look_at(
    subjects: Subjects, context: dg.SensorEvaluationContext, lakehouse: LakehouseResource, before: TablesCursor
) -> ArrivalLooks:
    """What is seen of the tables."""
    seen, began = ArrivalLooks(), lakehouse.now()
    for name in before.in_turn(subjects):
        now, cursor = lakehouse.now(), before.tables.get(name, ArrivalCursor())
        if now - began > timedelta(seconds=LOOKING_SECONDS):
            seen.unreached.append(name)
            continue
        try:
            seen.looks[name] = subjects[name].tick(context, lakehouse, cursor)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tables go on
            log_error(context, f"{subjects[name].of.name} cannot be looked at", error)
            seen.errors[name] = error
    seen.looks = {name: seen.looks[name] for name in subjects if name in seen.looks}
    return seen


def _next_look(lakehouse: LakehouseResource, settings: Settings, seen: ArrivalLooks) -> float:
    """When the tables that were looked at are worth the next look; soon where there was no time for all."""
    now, cursors = lakehouse.now(), [look.asking.cursor for look in seen.looks.values()]
    waits = [seconds_until_next_look(now, cursor, is_told=is_notified(settings)) for cursor in cursors]
    return min([*waits, *([SOON_SECONDS] if seen.unreached else [])], default=math.inf)


def _requests(
    pipeline: Pipeline,
    subjects: Subjects,
    asks: Mapping[str, SensorLook[ArrivalCursor, Found]],
    together: Sequence[str],
) -> Iterator[dg.RunRequest]:
    """One run of all that go `together`, and one of each of the others."""
    if together:
        parts = [
            Part(makes=subjects[name].makes, why=asks[name].why, what=f"{len(asks[name].asking.wanted)} of {name}")
            for name in together
        ]
        key = signature_of([[name, asks[name].run_key] for name in together])
        yield joint_request(pipeline, INGEST_AND_REFINE, parts, run_key=key)
    for name, look in asks.items():
        if name not in together:
            yield from subjects[name].requests(look)


def _goes_alone(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource, loaded: Loaded) -> bool:
    """Whether Silver could end a run: another one writes it, or has left over what it could take in.

    A table of which nobody can tell goes alone too.
    """
    try:
        if is_at_work(context.instance, lakehouse.catalog, [loaded.table]):
            return True
        return any(watched.is_updated for watched in watch_bronze(lakehouse.lakehouse(), loaded))
    except Exception as error:  # noqa: BLE001 - whatever it is, the table is loaded, and no other waits for it
        log_error(context, f"it is not known what is left over of {loaded.table.name}: it goes alone", error)
        return True

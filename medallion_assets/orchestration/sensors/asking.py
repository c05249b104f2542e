"""Sensors that ask for a run when something of a table is pending: what they all do at a tick.

Belongs here: the order of a tick. Nothing is looked at while a run is at work.
Does not: what is looked at, or the decision (triggers).

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic

import dagster as dg

from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.table import Table
from medallion_assets.orchestration.requests import give_up, is_at_work, request
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.cadence import EVERY_SECONDS, minimum_interval
from medallion_assets.orchestration.trigger_context import TriggerContext
from medallion_assets.settings import Settings
from medallion_assets.triggers.asking import Asking, Cursor, Wanted, while_active
from medallion_assets.triggers.cursors import dump_cursor, load_cursor


@dataclass(frozen=True, kw_only=True)
class Look(Generic[Cursor, Wanted]):
    """What a sensor saw and decided. `waits` says what is wanted for people, `why` for the run that is asked for.

    `seen` goes into the run key: what makes the same wish another one, such as the version of a restored table.
    `months` are those that are wanted, of tables that have months: a run is asked for each.
    """

    asking: Asking[Cursor, Wanted]
    waits: str
    why: TriggerContext
    seen: Sequence[str] = ()
    months: Collection[date] = ()


def asking_sensor(
    settings: Settings | None,
    pipeline: Pipeline,
    look: Callable[[LakehouseResource, datetime, Cursor], Look[Cursor, Wanted]],
    cursor_type: type[Cursor],
    *,
    name: str,
    description: str,
    job: str,
    of: Table,
    makes: Sequence[Table],
    timers: Timers,
    status: dg.DefaultSensorStatus,
    every_seconds: int = EVERY_SECONDS,
) -> dg.SensorDefinition:
    """The sensor that asks for runs of `job` that make some tables, for what is pending `of` one of them.

    `settings` say whom to alert when nothing can be kept. It is looked at `every_seconds` (cadence.py).
    """

    @dg.sensor(
        name=name,
        job_name=pipeline.job(job),
        minimum_interval_seconds=minimum_interval(every_seconds),
        default_status=status,
        description=description,
    )
    def sensor(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        now, cursor = lakehouse.now(), load_cursor(cursor_type, context.cursor) or cursor_type()
        if is_at_work(context.instance, lakehouse.catalog, [of]):
            held = while_active(now, cursor, timers)
            return dg.SensorResult(skip_reason=held.reason, cursor=dump_cursor(held.cursor))
        seen = look(lakehouse, now, cursor)
        decided = seen.asking
        if decided.gives_up:
            give_up(context, lakehouse, settings, key=decided.cursor.state.signature or "", what=seen.waits)
        if decided.ask is None:
            return dg.SensorResult(skip_reason=decided.reason, cursor=dump_cursor(decided.cursor))
        run_key = "/".join([decided.ask.signature, *seen.seen, str(decided.ask.attempt)])
        months: Sequence[date | None] = sorted(seen.months) or [None]
        asked = [
            request(
                pipeline,
                job,
                makes,
                seen.why,
                of=of,
                run_key=run_key if month is None else f"{run_key}/{month}",
                month=month,
            )
            for month in months
        ]
        return dg.SensorResult(run_requests=asked, cursor=dump_cursor(decided.cursor))

    return sensor

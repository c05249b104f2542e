"""Sensors that ask for a run when something of a table is pending: what they all do at a tick.

Belongs here: the order of a tick. Nothing is looked at while a run is at work.
Does not: what is looked at, or when to ask (triggers).

Dagster reads the annotations of a sensor itself, so they are not postponed here.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Generic

import dagster as dg

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.policies import Timers
from medallion_assets.contracts.table import Table
from medallion_assets.errors import PermanentError
from medallion_assets.operations.alerts.notices import unseen
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.orchestration.hosting.shell_commands import ticks_in_messages
from medallion_assets.orchestration.requests import alert_or_log, give_up, is_at_work, request, under_new_key
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.cadence import EVERY_SECONDS, look_again, minimum_interval
from medallion_assets.orchestration.trigger_context import TriggerContext
from medallion_assets.settings import Settings
from medallion_assets.triggers.asking import Asking, Cursor, Wanted, while_active


@dataclass(frozen=True, kw_only=True)
class SensorLook(Generic[Cursor, Wanted]):
    """What a sensor saw, and asks for. `waits` says what is wanted for people, `why` for the run that is asked for.

    `seen` goes into the run key: what makes the same wish another one, such as the version of a restored table.
    `months` are those that are wanted, of tables that have months: a run is asked for each.
    """

    asking: Asking[Cursor, Wanted]
    waits: str = ""
    why: TriggerContext = field(default_factory=TriggerContext)
    seen: Sequence[str] = ()
    months: Collection[date] = ()

    @property
    def run_key(self) -> str:
        """What names the wish and the attempt at it; nothing where nothing is asked for.

        Attempts count anew once a cursor is lost, so a run may have it already.
        """
        ask = self.asking.ask
        return "" if ask is None else "/".join([ask.signature, *self.seen, str(ask.attempt)])


@dataclass(frozen=True, kw_only=True)
class Subject(Generic[Cursor, Wanted]):
    """What runs are asked for: what `look` finds pending `of` a table, which a run of `job` that `makes` some takes in.

    `settings` say whom to alert when nothing can be kept.
    """

    settings: Settings | None
    pipeline: Pipeline
    job: str
    of: Table
    makes: Sequence[Table]
    timers: Timers
    look: Callable[[LakehouseResource, datetime, Cursor], SensorLook[Cursor, Wanted]]

    def tick(
        self, context: dg.SensorEvaluationContext, lakehouse: LakehouseResource, cursor: Cursor
    ) -> SensorLook[Cursor, Wanted]:
        """What is seen at a tick, and asked for; people are alerted when asking ends with it."""
        now = lakehouse.now()
        if is_at_work(context.instance, lakehouse.catalog, [self.of]):
            return SensorLook(asking=while_active(now, cursor, self.timers))
        seen = self.look(lakehouse, now, cursor)
        if seen.asking.gives_up:
            key = seen.asking.cursor.state.signature or ""
            if not give_up(context, lakehouse, self.settings, of=self.of, key=key, what=seen.waits):
                return replace(seen, asking=seen.asking.untold())
        return seen

    def unseen(self, error: PermanentError, now: datetime) -> Alert:
        """The alert that the table cannot be looked at."""
        return unseen(self.of.name, error, now, job=self.pipeline.job(self.job))

    def requests(self, seen: SensorLook[Cursor, Wanted]) -> Iterator[dg.RunRequest]:
        """The runs that are asked for: one, or one for each month."""
        if seen.asking.ask is None:
            return
        months: Sequence[date | None] = sorted(seen.months) or [None]
        for month in months:
            key = seen.run_key if month is None else f"{seen.run_key}/{month}"
            yield request(self.pipeline, self.job, self.makes, seen.why, of=self.of, run_key=key, month=month)


def asking_sensor(
    subject: Subject[Cursor, Wanted],
    cursor_type: type[Cursor],
    *,
    name: str,
    description: str,
    status: dg.DefaultSensorStatus,
    every_seconds: int = EVERY_SECONDS,
    next_look: Callable[[datetime, Cursor], float] = lambda _now, _cursor: math.inf,
) -> dg.SensorDefinition:
    """The sensor of one subject, which is looked at `every_seconds` (cadence.py), or when `next_look` says it."""

    @dg.sensor(
        name=name,
        job_name=subject.pipeline.job(subject.job),
        minimum_interval_seconds=minimum_interval(every_seconds),
        default_status=status,
        description=description,
    )
    @ticks_in_messages()
    def sensor(context: dg.SensorEvaluationContext, lakehouse: LakehouseResource) -> dg.SensorResult:
        try:
            seen = subject.tick(context, lakehouse, from_json_or_none(cursor_type, context.cursor) or cursor_type())
        except PermanentError as error:
            alert_or_log(context, lakehouse, subject.settings, [subject.unseen(error, lakehouse.now())])
            raise
        look_again(context, name, next_look(lakehouse.now(), seen.asking.cursor), longest=every_seconds)
        asked = [under_new_key(context.instance, wanted) for wanted in subject.requests(seen)]
        cursor = to_json(seen.asking.cursor)
        return dg.SensorResult(run_requests=asked, skip_reason=None if asked else seen.asking.reason, cursor=cursor)

    return sensor

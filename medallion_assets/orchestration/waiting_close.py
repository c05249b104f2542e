"""Closes that wait: where settings say so, a day that is not complete is closed once it is, or at an hour (rule V7).

Belongs here: whether a day may be closed now, and asking for it later.
Does not: which day that is (daily_close.py), or days that were closed before they were complete (triggers/restated.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.pipeline import Gold, Pipeline
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import DAILY
from medallion_assets.orchestration.close_requests import close_request, tables_of
from medallion_assets.orchestration.daily_close import daily_lines, day_to_close, ticks
from medallion_assets.orchestration.requests import runs_of_key
from medallion_assets.settings import Settings

LINES = ("*/15 * * * *",)
"""When a close that waits is looked at again."""
RESOURCE = "lakehouse"


def may_close(settings: Settings, lakehouse: Lakehouse, gold: Gold, day: date, now: datetime) -> bool:
    """Whether a day is closed now: it is complete, nobody knows, or it has waited long enough."""
    until = settings.close_waits_until
    if until is None or now >= _deadline(until, day):
        return True
    source = lakehouse.find(gold.source)
    if source is None:
        return True
    coverage = noted_coverage(source)
    return not coverage.is_known or coverage.includes(gold.end_of(day))


def closes_now(settings: Settings, context: dg.ScheduleEvaluationContext, gold: Gold, day: date, now: datetime) -> bool:
    """The same, for a schedule: what cannot be read keeps no day open."""
    if settings.close_waits_until is None:
        return True
    try:
        return may_close(settings, getattr(context.resources, RESOURCE).lakehouse(), gold, day, now)
    except LAKEHOUSE_ERRORS as error:
        context.log.warning(
            "%s: it is not known whether %s is complete, so it is closed: %s", gold.table.name, day, error
        )
        return True


def waiting_schedules(settings: Settings, pipelines: Iterable[Pipeline]) -> Iterator[dg.ScheduleDefinition]:
    """A schedule for each pipeline with days that looks at closes which wait; none unless settings let them."""
    if settings.close_waits_until is None:
        return
    for pipeline in pipelines:
        if pipeline.gold and not pipeline.months and daily_lines(settings, pipeline):
            yield _schedule(settings, pipeline)


def waiting_requests(
    settings: Settings, context: dg.ScheduleEvaluationContext, pipeline: Pipeline
) -> Iterator[dg.RunRequest]:
    """What the close of yesterday has left to wait, and may be closed by now."""
    now = context.scheduled_execution_time
    day = day_to_close(now)
    over_at, zone = end_of_business_day(day), settings.schedule_time_zone
    was_due = any(ticks(line, zone, over_at, now) for line in daily_lines(settings, pipeline))
    for gold in pipeline.gold if was_due and day >= settings.first_day else ():
        request = close_request(pipeline, tables_of(pipeline, gold), [day])
        if not runs_of_key(context.instance, request) and closes_now(settings, context, gold, day, now):
            yield request


def _deadline(until: time, day: date) -> datetime:
    """The hour of the business day after `day` until which its close waits."""
    return datetime.combine(day + timedelta(days=1), until, ZoneInfo(BUSINESS_TIME_ZONE))


def _schedule(settings: Settings, pipeline: Pipeline) -> dg.ScheduleDefinition:
    is_on = settings.uses_triggers

    def evaluate(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        yield from waiting_requests(settings, context, pipeline)

    return dg.ScheduleDefinition(
        name=f"{pipeline.job(DAILY)}_waiting_schedule",
        job_name=pipeline.job(DAILY),
        cron_schedule=list(LINES),
        execution_timezone=settings.schedule_time_zone,
        execution_fn=evaluate,
        required_resource_keys={RESOURCE},
        default_status=dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED,
        description="Closes the previous business day once it is complete, or when it has waited long enough.",
    )

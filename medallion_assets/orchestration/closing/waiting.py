"""Closes that wait: where settings say so, what is not complete is closed once it is, or at an hour (rule V7).

Belongs here: whether a day or a month may be closed now, and asking for it later.
Does not: which that is, or days that were closed before they were complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from medallion_assets.contracts.coverage import least
from medallion_assets.contracts.moments import business_day, end_of_business_day, last_business_day
from medallion_assets.contracts.months import month_before
from medallion_assets.contracts.pipeline import DbtModels, Gold, Pipeline
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE, Table
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.stages import DBT, closing_job, is_promised, stages_of
from medallion_assets.orchestration.closing.daily import closed_days, made_before, ticks
from medallion_assets.orchestration.closing.lines import daily_lines, models_lines, monthly_lines
from medallion_assets.orchestration.closing.requests import close_request, models_request, month_request, tables_of
from medallion_assets.orchestration.requests import runs_of_key
from medallion_assets.settings import Settings
from medallion_assets.settings.closing import MINUTES_BETWEEN_LOOKS
from medallion_assets.stages.months import has_month

LINES = (f"*/{MINUTES_BETWEEN_LOOKS} * * * *",)
"""When a close that waits is looked at again."""
RESOURCE = "lakehouse"
Look = Callable[[Settings, dg.ScheduleEvaluationContext, Pipeline], Iterator[dg.RunRequest]]
"""What of a pipeline has waited and may be closed by now, at a tick of a schedule."""
_LONGEST = timedelta(days=1, hours=1)
"""No close waits longer than to the end of the business day on which it was due."""
_MONTH = timedelta(days=32)
"""So far back the last tick of a schedule of months is found."""


@dataclass(frozen=True, kw_only=True)
class Close:
    """A day, or a month, of what is called `name`: complete once all its `sources` reach to `ends_at`."""

    name: str
    sources: tuple[Table, ...]
    day: date
    ends_at: datetime

    @classmethod
    def of_gold(cls, gold: Gold, day: date) -> Close:
        """That of a Gold table."""
        return cls(name=gold.table.name, sources=(gold.source,), day=day, ends_at=gold.end_of(day))

    @classmethod
    def of_models(cls, built: DbtModels, day: date) -> Close:
        """That of dbt models, which close a business day."""
        return cls(
            name=f"the dbt models {built.name}", sources=built.sources, day=day, ends_at=end_of_business_day(day)
        )


def may_close(settings: Settings, lakehouse: Lakehouse, close: Close, *, due: date, now: datetime) -> bool:
    """Whether a day, or a month, is closed now: it is complete, nobody knows, or it has waited long enough.

    `due` is the business day on which its close was due.
    """
    until = settings.close_waits_until
    if until is None or now >= datetime.combine(due, until, ZoneInfo(BUSINESS_TIME_ZONE)):
        return True
    sources = [source for table in close.sources if (source := lakehouse.find(table)) is not None]
    if len(sources) < len(close.sources):
        return True
    coverage = least(map(noted_coverage, sources))
    return not coverage.is_known or coverage.includes(close.ends_at)


def closes_now(settings: Settings, context: dg.ScheduleEvaluationContext, close: Close, *, due: date) -> bool:
    """The same at a tick of a schedule: what cannot be read keeps no day open.

    A tick that is evaluated late, as the daemon was down, is judged by what the clock says now.
    """
    if settings.close_waits_until is None:
        return True
    try:
        resource = getattr(context.resources, RESOURCE)
        return may_close(settings, resource.lakehouse(), close, due=due, now=resource.now())
    except LAKEHOUSE_ERRORS as error:
        context.log.warning(
            "%s: it is not known whether %s is complete, so it is closed: %s", close.name, close.day, error
        )
        return True


def waiting_schedules(settings: Settings, pipelines: Iterable[Pipeline]) -> Iterator[dg.ScheduleDefinition]:
    """A schedule for each pipeline that looks at closes which wait; none unless settings let them."""
    if settings.close_waits_until is None:
        return
    for pipeline in pipelines:
        lines = daily_lines(settings, pipeline) if pipeline.months is None else monthly_lines(settings, pipeline)
        if pipeline.gold and lines:
            what, look = ("business day", waiting_requests) if pipeline.months is None else ("month", waiting_months)
            says = f"Closes the previous {what} once it is complete, or when it has waited long enough."
            yield _schedule(settings, pipeline, closing_job(pipeline), look, says)
        if pipeline.dbt and models_lines(settings, pipeline):
            says = "Builds the dbt models once the previous business day is complete, or has waited long enough."
            yield _schedule(settings, pipeline, pipeline.job(DBT), waiting_models, says)


def waiting_requests(
    settings: Settings, context: dg.ScheduleEvaluationContext, pipeline: Pipeline
) -> Iterator[dg.RunRequest]:
    """What the close of yesterday has left to wait, and may be closed by now; a tick of this moment left none."""
    now = context.scheduled_execution_time
    day = last_business_day(now)
    over_at, zone = end_of_business_day(day), settings.schedule_time_zone
    was_due = any(tick < now for line in daily_lines(settings, pipeline) for tick in ticks(line, zone, over_at, now))
    for gold in pipeline.gold if was_due and day >= settings.first_day else ():
        request = close_request(pipeline, tables_of(pipeline, gold), [day])
        if not runs_of_key(context.instance, request) and closes_now(
            settings, context, Close.of_gold(gold, day), due=business_day(now)
        ):
            yield request


def models_to_build(
    settings: Settings, context: dg.ScheduleEvaluationContext, pipeline: Pipeline, due_at: datetime
) -> dg.RunRequest | dg.SkipReason:
    """The build of dbt models that was due at a tick, unless it is to wait for the day that it closes."""
    day, due = last_business_day(due_at), business_day(due_at)
    if all(closes_now(settings, context, Close.of_models(built, day), due=due) for built in pipeline.dbt):
        return models_request(due_at, pipeline)
    return dg.SkipReason(f"{day} is not complete yet; the build of the dbt models waits")


def waiting_models(
    settings: Settings, context: dg.ScheduleEvaluationContext, pipeline: Pipeline
) -> Iterator[dg.RunRequest]:
    """The same of the last tick since the day was over that it closes, unless that has had its build."""
    now, zone = context.scheduled_execution_time, settings.schedule_time_zone
    over_at = end_of_business_day(last_business_day(now))
    before = [tick for line in models_lines(settings, pipeline) for tick in ticks(line, zone, over_at, now)]
    due_at = max((tick for tick in before if tick < now), default=None)
    if due_at is None or runs_of_key(context.instance, models_request(due_at, pipeline)):
        return
    asked = models_to_build(settings, context, pipeline, due_at)
    if isinstance(asked, dg.RunRequest):
        yield asked


def month_to_close(
    settings: Settings, context: dg.ScheduleEvaluationContext, pipeline: Pipeline, due_at: datetime
) -> dg.RunRequest | dg.SkipReason:
    """What closes the month that was due at a tick, unless it is to wait, or is neither there nor promised."""
    asked, month, due = month_request(due_at, pipeline), month_before(due_at.date()), business_day(due_at)
    if isinstance(asked, dg.RunRequest) and not may_be_made(context, pipeline, month):
        return dg.SkipReason(
            f"there is no file of {month:%Y-%m}, and nothing promises one: no freshness_hours, no export_age_hours; "
            "what arrives is loaded by itself"
        )
    if isinstance(asked, dg.SkipReason) or all(
        closes_now(settings, context, Close.of_gold(gold, month), due=due) for gold in pipeline.gold
    ):
        return asked
    return dg.SkipReason(f"{month:%Y-%m} is not complete yet; its close waits")


def may_be_made(context: dg.ScheduleEvaluationContext, pipeline: Pipeline, month: date) -> bool:
    """Whether a month is promised, or a file of it is there; where that cannot be read, the run says why."""
    if any(is_promised(stage) for stage in stages_of(pipeline) if stage.is_read):
        return True
    try:
        resource = getattr(context.resources, RESOURCE)
        lakehouse = resource.lakehouse()
        return any(has_month(lakehouse, resource.settings.raw_url, loaded, month) for loaded in pipeline.loaded)
    except LAKEHOUSE_ERRORS as error:
        context.log.warning(
            "%s: it is not known whether %s is there, so it is asked for: %s", pipeline.name, month, error
        )
        return True


def waiting_months(
    settings: Settings, context: dg.ScheduleEvaluationContext, pipeline: Pipeline
) -> Iterator[dg.RunRequest]:
    """The same of the month whose close was due last; once the daemon was down for over a day, if nobody closed it."""
    now, zone = context.scheduled_execution_time, settings.schedule_time_zone
    lines = monthly_lines(settings, pipeline)
    before = [tick for line in lines for tick in ticks(line, zone, now - _MONTH, now) if tick < now]
    if (due_at := max(before, default=None)) is None:
        return
    asked = month_request(due_at, pipeline)
    if isinstance(asked, dg.SkipReason) or runs_of_key(context.instance, asked):
        return
    if now - due_at > _LONGEST and not _stayed_open(settings, context.instance, pipeline, due_at):
        return
    asked = month_to_close(settings, context, pipeline, due_at)
    if isinstance(asked, dg.RunRequest):
        yield asked


def _stayed_open(settings: Settings, instance: dg.DagsterInstance, pipeline: Pipeline, due_at: datetime) -> bool:
    """Whether nobody closed the month that was due at a tick, of a Gold table that had been made before (rule V7).

    As with days, what nobody was to close is not made up for: settings may say so, and a table that is new then.
    """
    month = month_before(due_at.date())
    lasts = [(tables_of(pipeline, gold)[-1], gold.end_of) for gold in pipeline.gold]
    return settings.closes_missed_days and any(
        made_before(instance, last, due_at) and not closed_days(instance, last, [month], end_of=end_of)
        for last, end_of in lasts
    )


def _schedule(settings: Settings, pipeline: Pipeline, job: str, look: Look, says: str) -> dg.ScheduleDefinition:
    is_on = settings.uses_triggers

    def evaluate(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        yield from look(settings, context, pipeline)

    return dg.ScheduleDefinition(
        name=f"{job}_waiting_schedule",
        job_name=job,
        cron_schedule=list(LINES),
        execution_timezone=settings.schedule_time_zone,
        execution_fn=evaluate,
        required_resource_keys={RESOURCE},
        default_status=dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED,
        description=says,
    )

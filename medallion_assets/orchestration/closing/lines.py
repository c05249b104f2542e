"""Closing lines: the cron lines at which pipelines close days and months, and what they were to have closed by now.

Belongs here: which lines there are, of settings or as declared, and the last of their ticks that counts.
Does not: what a tick asks for, or alerting anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import business_day, last_business_day
from medallion_assets.contracts.months import month_before
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.operations.alerts.failures import WINDOW_DAYS
from medallion_assets.operations.stages import DBT, MONTHLY, REFRESH, closing_job
from medallion_assets.orchestration.closing.daily import ticks
from medallion_assets.settings import Settings
from medallion_assets.settings.schedules import DAILY

MONTHLY_LINES = ("0 4 2 * *",)
"""When the month before is asked for, unless MEDALLION_SCHEDULES says otherwise: files come in on the first."""
MONTH_DUE_DAYS = WINDOW_DAYS - 1
"""So long after its tick a month is due: attempts since then are known."""


def daily_lines(settings: Settings, pipeline: Pipeline) -> tuple[str, ...]:
    """The cron lines at which a pipeline closes its days: its own, or else those that hold for every pipeline."""
    return settings.schedules.get(pipeline.job(DAILY), settings.schedules.get(DAILY, ()))


def monthly_lines(settings: Settings, pipeline: Pipeline) -> tuple[str, ...]:
    """The same of a pipeline with months."""
    job = pipeline.job(MONTHLY)
    return settings.schedules.get(job, settings.schedules.get(MONTHLY, MONTHLY_LINES))


def refresh_lines(settings: Settings, pipeline: Pipeline) -> tuple[tuple[str, ...], str]:
    """The cron lines at which a pipeline is refreshed, and their time zone: of the settings, or else as declared."""
    job = pipeline.job(REFRESH)
    if pipeline.refresh is None or job in settings.schedules:
        return settings.schedules.get(job, ()), settings.schedule_time_zone
    return pipeline.refresh.cron, pipeline.refresh.time_zone


def models_lines(settings: Settings, pipeline: Pipeline) -> tuple[str, ...]:
    """The cron lines at which a pipeline's dbt models are built by themselves: none unless settings say so."""
    return settings.schedules.get(pipeline.job(DBT), ())


def days_due(catalog: Catalog, settings: Settings, now: datetime) -> dict[str, date]:
    """The day, or month, that each job was to have closed by now; jobs that were to close none are left out.

    A build of dbt models closes the day before its tick, by whichever job.
    """
    days: dict[str, date] = {}
    for pipeline in catalog.pipelines:
        for job, day in _due(pipeline, settings, now):
            days[job] = max(day, days.get(job, day))
    return days


def _due(pipeline: Pipeline, settings: Settings, now: datetime) -> Iterator[tuple[str, date]]:
    zone, done_by, job = settings.schedule_time_zone, settings.daily_done_by, closing_job(pipeline)
    if pipeline.months is not None:
        tick = last_due(monthly_lines(settings, pipeline), zone, done_by, now, days=MONTH_DUE_DAYS)
        if tick is not None and (month := month_before(tick.date())) >= pipeline.months.first:
            yield job, month
    elif (tick := last_due(daily_lines(settings, pipeline), zone, done_by, now)) is not None:
        yield job, last_business_day(tick)
    if pipeline.dbt:
        for lines, line_zone in (refresh_lines(settings, pipeline), (models_lines(settings, pipeline), zone)):
            if (tick := last_due(lines, line_zone, done_by, now)) is not None:
                yield pipeline.job(DBT), last_business_day(tick)


def last_due(
    cron_lines: Sequence[str], time_zone: str, done_by: time, now: datetime, *, days: int = 1
) -> datetime | None:
    """The last tick whose run is to be done by now: one in the `days` before the last `done_by` (business time zone).

    None before that time of day, unless of several days, and where no tick was, as on most days of a weekly schedule.
    """
    zone = ZoneInfo(BUSINESS_TIME_ZONE)
    due_at = datetime.combine(business_day(now), done_by, zone)
    if now < due_at:
        if days == 1:
            return None
        due_at = datetime.combine(business_day(now) - timedelta(days=1), done_by, zone)
    begin = datetime.combine(due_at.date() - timedelta(days=days), done_by, zone)
    return max((tick for line in cron_lines for tick in ticks(line, time_zone, begin, due_at)), default=None)

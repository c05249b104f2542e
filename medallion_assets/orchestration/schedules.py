"""Schedules: the cron lines that settings give to jobs, and the nightly close.

Belongs here: one schedule a job that has cron lines.
Does not: which days a close asks for (daily_close.py), or reading settings (settings.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from medallion_assets.contracts.run_days import contiguous
from medallion_assets.contracts.table import Table
from medallion_assets.errors import SettingsError
from medallion_assets.orchestration.assets.monitor import MONITOR
from medallion_assets.orchestration.daily_close import closed_days, day_to_close, first_published, missed_days
from medallion_assets.orchestration.daily_requests import days_request, triggered_config
from medallion_assets.orchestration.jobs import DAILY, JOB_TABLES, LIVE_PRIORITY, run_tags
from medallion_assets.orchestration.trigger_context import TriggerContext
from medallion_assets.pipelines.transactions.tables import PUBLISHED_TABLES
from medallion_assets.settings import Settings

SCHEDULED = TriggerContext(trigger="schedule")


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """A schedule for each job that has cron lines; a job whose list is empty has none.

    Raises:
        SettingsError: there is no such job, or a cron line makes no sense.
    """
    names = (*JOB_TABLES, MONITOR)
    if unknown := sorted(set(settings.schedules) - set(names)):
        raise _refused(f"jobs among {', '.join(names)}", ", ".join(unknown))
    return [_schedule(settings, job, lines) for job, lines in settings.schedules.items() if lines]


def close_requests(
    settings: Settings, context: dg.ScheduleEvaluationContext, pairs: Sequence[tuple[Table, Table]] = PUBLISHED_TABLES
) -> Iterator[dg.RunRequest]:
    """Yesterday, one run for each Gold table with what serves it; then the days that nobody closed, if settings say so.

    A tick that is evaluated again gives the same keys, and Dagster starts nothing twice for one tick.
    """
    closing = day_to_close(context.scheduled_execution_time)
    if closing < settings.first_day:
        return
    for pair in pairs:
        yield _request(pair, [closing])
    for pair in pairs:
        serving = pair[1]
        first = first_published(context.instance, serving)
        candidates = missed_days(closing, first=first and max(first, settings.first_day), closed=())
        missed = sorted(set(candidates) - closed_days(context.instance, serving, candidates))
        if missed and not settings.closes_missed_days:
            context.log.warning("%s: nobody closed %s; skipped", serving.name, ", ".join(map(str, missed)))
            continue
        for days in contiguous(missed):
            context.log.info("%s: nobody closed %s to %s; asked for now", serving.name, days[0], days[-1])
            yield _request(pair, days, catches_up=True)


def _request(pair: tuple[Table, Table], days: Sequence[date], *, catches_up: bool = False) -> dg.RunRequest:
    key = f"close:{pair[0].short_name}:{days[0]}...{days[-1]}"
    return days_request(pair, days, trigger=SCHEDULED, key=key, catches_up=catches_up)


def _schedule(settings: Settings, job: str, lines: Sequence[str]) -> dg.ScheduleDefinition:
    options: Mapping[str, Any] = {
        "name": f"{job}_schedule",
        "job_name": job,
        "cron_schedule": list(lines),
        "execution_timezone": settings.schedule_time_zone,
        "default_status": _status(settings),
    }
    tables = JOB_TABLES.get(job, ())
    try:
        if job == DAILY:
            return dg.ScheduleDefinition(
                **options,
                execution_fn=lambda context: close_requests(settings, context),
                description="Closes the business day before: builds it and publishes it.",
            )
        return dg.ScheduleDefinition(
            **options,
            run_config=triggered_config(tables, SCHEDULED),
            tags={**(run_tags(tables, priority=LIVE_PRIORITY) if tables else {}), **SCHEDULED.tags()},
        )
    except dg.DagsterInvalidDefinitionError as error:
        raise _refused("cron lines such as 0 1 * * * (minute, hour, day, month, weekday)", list(lines)) from error


def _status(settings: Settings) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if settings.uses_triggers else dg.DefaultScheduleStatus.STOPPED


def _refused(expected: str, found: object) -> SettingsError:
    return SettingsError(
        "MEDALLION_SCHEDULES is not allowed",
        expected=expected,
        found=repr(found),
        do="unset MEDALLION_SCHEDULES, or correct it",
    )

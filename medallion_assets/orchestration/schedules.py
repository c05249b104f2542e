"""Schedules: the cron lines that settings give to jobs, and the nightly close.

Belongs here: one schedule a job that has cron lines.
Does not: which days a close asks for, or reading settings (settings).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import business_day, last_business_day
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.run_days import contiguous
from medallion_assets.errors import PermanentError, SettingsError
from medallion_assets.operations.stages import DBT, MONTHLY, REFRESH, stages
from medallion_assets.orchestration.assets.fetched import fetch_lines
from medallion_assets.orchestration.closing.daily import unclosed_days
from medallion_assets.orchestration.closing.lines import daily_lines, monthly_lines, refresh_lines
from medallion_assets.orchestration.closing.requests import SCHEDULED, close_request, tables_of
from medallion_assets.orchestration.closing.waiting import (
    RESOURCE,
    Close,
    closes_now,
    models_to_build,
    month_to_close,
    waiting_schedules,
)
from medallion_assets.orchestration.jobs import LIVE_PRIORITY, job_limit, job_tables, run_tags
from medallion_assets.orchestration.requests import triggered_config
from medallion_assets.orchestration.steps import step_tables
from medallion_assets.settings import Settings
from medallion_assets.settings.schedules import DAILY, MONITOR, QUERY_ALERTS_JOB


def schedules(settings: Settings, catalog: Catalog) -> list[dg.ScheduleDefinition]:
    """A schedule for each job that has cron lines; a job whose list is empty has none.

    Raises:
        SettingsError: there is no such job, or a cron line makes no sense.
        PermanentError: one that is declared makes none.
    """
    fetching = {job: lines for pipeline in catalog.pipelines for job, lines in fetch_lines(pipeline).items()}
    names = (*job_tables(catalog), *fetching, MONITOR, *([QUERY_ALERTS_JOB] if settings.query_alerts else []))
    if unknown := sorted(set(settings.schedules) - {*names, DAILY, MONTHLY}):
        raise _refused(f"jobs among {', '.join(names)}", ", ".join(unknown))
    daily = {pipeline.job(DAILY): pipeline for pipeline in catalog.pipelines if pipeline.gold and not pipeline.months}
    monthly = {pipeline.job(MONTHLY): pipeline for pipeline in catalog.pipelines if pipeline.months}
    lines = {**fetching, **{job: lines for job, lines in settings.schedules.items() if job in names}}
    lines |= {job: daily_lines(settings, pipeline) for job, pipeline in daily.items()}
    refreshed = {
        pipeline.job(REFRESH): refresh_lines(settings, pipeline) for pipeline in catalog.pipelines if pipeline.refresh
    }
    lines |= {job: own_lines for job, (own_lines, _) in refreshed.items()}
    zones = {job: zone for job, (_, zone) in refreshed.items()}
    lines |= {job: monthly_lines(settings, pipeline) for job, pipeline in monthly.items()}
    closing = {job: _closing(settings, pipeline) for job, pipeline in daily.items()}
    closing |= {job: _closing_months(settings, pipeline) for job, pipeline in monthly.items()}
    if settings.close_waits_until is not None:
        closing |= {pipeline.job(DBT): _building(settings, pipeline) for pipeline in catalog.pipelines if pipeline.dbt}
    asked = [
        _schedule(settings, job, given, closing.get(job) or _asking(catalog, job), time_zone=zones.get(job))
        for job, given in lines.items()
        if given
    ]
    return [*asked, *waiting_schedules(settings, catalog.pipelines)]


def close_requests(
    settings: Settings, context: dg.ScheduleEvaluationContext, pipeline: Pipeline
) -> Iterator[dg.RunRequest]:
    """Yesterday, one run for each Gold table with what serves it; then the days that nobody closed, if settings say so.

    A tick that is evaluated again gives the same keys, and Dagster starts nothing twice for one tick.
    """
    now = context.scheduled_execution_time
    closing = last_business_day(now)
    if closing < settings.first_day:
        return
    for gold in pipeline.gold:
        if closes_now(settings, context, Close.of_gold(gold, closing), due=business_day(now)):
            yield close_request(pipeline, tables_of(pipeline, gold), [closing])
        else:
            context.log.info("%s: %s is not complete yet; its close waits", gold.table.name, closing)
    for tables in (tables_of(pipeline, gold) for gold in pipeline.gold):
        last = tables[-1]
        missed = unclosed_days(context.instance, last, closing, first_day=settings.first_day)
        if missed and not settings.closes_missed_days:
            context.log.warning("%s: not closed: %s; skipped", last.name, ", ".join(map(str, missed)))
            continue
        for days in contiguous(missed):
            context.log.info("%s: not closed: %s to %s; requested now", last.name, days[0], days[-1])
            yield close_request(pipeline, tables, days, catches_up=True)


def _schedule(
    settings: Settings, job: str, lines: Sequence[str], options: Mapping[str, Any], *, time_zone: str | None
) -> dg.ScheduleDefinition:
    is_on = settings.uses_triggers
    try:
        return dg.ScheduleDefinition(
            name=f"{job}_schedule",
            job_name=job,
            cron_schedule=list(lines),
            execution_timezone=time_zone or settings.schedule_time_zone,
            default_status=dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED,
            **options,
        )
    except dg.DagsterInvalidDefinitionError as error:
        expected = "cron lines such as 0 1 * * * (minute, hour, day, month, weekday)"
        if lines not in settings.schedules.values():
            raise PermanentError(
                f"the cron lines of {job} are invalid",
                expected=expected,
                found=repr(list(lines)),
                do="correct them where the pipeline is declared, such as fetched_at of its source",
            ) from error
        raise _refused(expected, list(lines)) from error


def _closing(settings: Settings, pipeline: Pipeline) -> dict[str, Any]:
    return {
        "execution_fn": lambda context: close_requests(settings, context, pipeline),
        "description": "Closes the previous business day: builds and publishes it.",
        **({} if settings.close_waits_until is None else {"required_resource_keys": {RESOURCE}}),
    }


def _closing_months(settings: Settings, pipeline: Pipeline) -> dict[str, Any]:
    return {
        "execution_fn": lambda context: month_to_close(settings, context, pipeline, context.scheduled_execution_time),
        "description": "Loads and builds the previous month.",
        "required_resource_keys": {RESOURCE},
    }


def _building(settings: Settings, pipeline: Pipeline) -> dict[str, Any]:
    return {
        "execution_fn": lambda context: models_to_build(settings, context, pipeline, context.scheduled_execution_time),
        "description": "Builds the dbt models, once the previous business day is complete.",
        "required_resource_keys": {RESOURCE},
    }


def _asking(catalog: Catalog, job: str) -> dict[str, Any]:
    tables = job_tables(catalog).get(job, ())
    tags = run_tags(stages(catalog), tables, priority=LIVE_PRIORITY) if tables else {}
    config = triggered_config(step_tables(stages(catalog), tables), SCHEDULED)
    return {"run_config": config, "tags": {**tags, **job_limit(catalog, job), **SCHEDULED.tags()}}


def _refused(expected: str, found: object) -> SettingsError:
    return SettingsError(
        "MEDALLION_SCHEDULES is not allowed",
        expected=expected,
        found=repr(found),
        do="unset MEDALLION_SCHEDULES, or correct it",
    )

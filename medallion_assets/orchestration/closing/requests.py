"""Close requests: the runs that close days of a Gold table, a month, or the day that dbt models are built for.

Belongs here: what such a run makes, and its key.
Does not: which days, or when.

The month that a tick closes is the one before it, in the time zone of its schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import dagster as dg

from medallion_assets.contracts.months import month_before
from medallion_assets.contracts.pipeline import Gold, Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.contracts.triggers import SCHEDULE
from medallion_assets.operations.stages import DBT, MONTHLY, stages_of
from medallion_assets.orchestration.requests import days_request, request
from medallion_assets.orchestration.trigger_context import TriggerContext

SCHEDULED = TriggerContext(trigger=SCHEDULE)


def tables_of(pipeline: Pipeline, gold: Gold) -> list[Table]:
    """What one run makes: a Gold table, and what serves it."""
    serving = pipeline.served_as(gold)
    return [gold.table, *([serving] if serving else [])]


def close_request(
    pipeline: Pipeline, tables: Sequence[Table], days: Sequence[date], *, catches_up: bool = False
) -> dg.RunRequest:
    """A run that closes contiguous days; asked for again it has the same key."""
    key = f"close:{tables[0].short_name}:{days[0]}...{days[-1]}"
    return days_request(pipeline, tables, days, trigger=SCHEDULED, key=key, catches_up=catches_up)


def month_request(scheduled_at: datetime, pipeline: Pipeline) -> dg.RunRequest | dg.SkipReason:
    """The month before a tick, from its file to Gold; what arrived of it before is not loaded again."""
    month, months = month_before(scheduled_at.date()), pipeline.months
    if months is None or month < months.first:
        return dg.SkipReason(f"{month} is before the first month")
    tables = [stage.table for stage in stages_of(pipeline)]
    return request(pipeline, MONTHLY, tables, SCHEDULED, of=tables[-1], run_key=f"close:{month}", month=month)


def models_request(due_at: datetime, pipeline: Pipeline) -> dg.RunRequest:
    """A build of all dbt models that was due at a tick; asked for again it has the same key."""
    tables = [table for built in pipeline.dbt for table in built.models]
    return request(pipeline, DBT, tables, SCHEDULED, of=tables[-1], run_key=f"close:{due_at.isoformat()}")

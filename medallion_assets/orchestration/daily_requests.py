"""Requests for runs of the daily jobs: some days of one Gold table and of what serves it.

Belongs here: how such a request looks, whoever asks: its assets, days, priority, tags, run config and key.
Does not: which days (triggers/restated.py, daily_close.py), or when (orchestration/sensors/restated.py, schedules.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import dagster as dg

from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.run_days import day_tags, ranges_of
from medallion_assets.contracts.table import Table
from medallion_assets.operations.stages import DAILY, stages_of
from medallion_assets.orchestration.jobs import CATCH_UP_PRIORITY, CATCHES_UP, LIVE_PRIORITY, run_tags
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.trigger_context import TriggerContext
from medallion_assets.triggers.restated_batches import LIVE_DAYS


def days_request(
    pipeline: Pipeline,
    tables: Sequence[Table],
    days: Collection[date],
    *,
    trigger: TriggerContext,
    key: str,
    priority: int = LIVE_PRIORITY,
    catches_up: bool = False,
) -> dg.RunRequest:
    """A run of the daily job with the assets of `tables` for some days: one run, whose steps each take all days."""
    ranges = ranges_of(days)
    catches_up = catches_up or (ranges[-1][1] - ranges[0][0]).days >= LIVE_DAYS
    return dg.RunRequest(
        run_key=key,
        job_name=pipeline.job(DAILY),
        asset_selection=[asset_key(table) for table in tables],
        run_config=triggered_config(tables, trigger),
        tags={
            **run_tags(stages_of(pipeline), tables, priority=CATCH_UP_PRIORITY if catches_up else priority),
            **trigger.tags(),
            **day_tags(ranges),
            **({CATCHES_UP: "yes"} if catches_up else {}),
        },
    )


def triggered_config(tables: Sequence[Table], trigger: TriggerContext) -> dict[str, Any]:
    """Run config that hands the trigger context to the assets of `tables`."""
    config = {"config": {"trigger": trigger.run_config()}}
    return {"ops": {asset_key(table).to_python_identifier(): config for table in tables}}

"""Requests for runs of daily_gold_and_publish: some days of one Gold table and of what serves it.

Belongs here: how such a request looks, whoever asks: its assets, days, priority, tags, run config and key.
Does not: which days (restated.py, daily_close.py), or when (restated_sensors.py, schedules.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from medallion_assets.lakehouse.contracts import Table
from medallion_assets.reporting import asset_key
from medallion_assets.trigger_context import TriggerContext
from medallion_assets.triggers.jobs import CATCH_UP_PRIORITY, LIVE_PRIORITY, run_tags

LIVE_DAYS = 31
"""A run of more days than this is catching up: live work goes first."""
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def days_request(
    tables: Sequence[Table], first: date, last: date, *, trigger: TriggerContext, key: str, catches_up: bool = False
) -> dg.RunRequest:
    """A run of the assets of `tables` for the days `first` to `last`: one run, whose steps each take all days."""
    catches_up = catches_up or (last - first).days >= LIVE_DAYS
    return dg.RunRequest(
        run_key=key,
        asset_selection=[asset_key(table) for table in tables],
        run_config=triggered_config(tables, trigger),
        tags={
            **run_tags(tables, priority=CATCH_UP_PRIORITY if catches_up else LIVE_PRIORITY),
            **trigger.tags(),
            RANGE_START: str(first),
            RANGE_END: str(last),
        },
    )


def triggered_config(tables: Sequence[Table], trigger: TriggerContext) -> dict[str, Any]:
    """Run config that hands the trigger context to the assets of `tables`."""
    config = {"config": {"trigger": trigger.run_config()}}
    return {"ops": {asset_key(table).to_python_identifier(): config for table in tables}}

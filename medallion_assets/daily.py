"""Daily assets: one partition a business day, any range of days in one run.

Belongs here: what Gold and serving share about their partitions.
Does not: which days to run (triggers), or what a day's partition holds (gold, serving).
"""

from __future__ import annotations

import warnings
from datetime import date
from typing import Any

import dagster as dg

from medallion_assets.lakehouse.contracts import BUSINESS_TIME_ZONE


def business_days(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition a business day, from `first_day` to today inclusive; 23 or 25 hours long when clocks change."""
    return dg.DailyPartitionsDefinition(start_date=str(first_day), timezone=BUSINESS_TIME_ZONE, end_offset=1)


def daily_asset(first_day: date, **options: Any) -> Any:
    """`@dg.asset` with a partition for each business day from `first_day` on, any range of which is one run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # for backfill_policy; Dagster's minor version is pinned
        return dg.asset(
            partitions_def=business_days(first_day), backfill_policy=dg.BackfillPolicy.single_run(), **options
        )


def partition_days(context: dg.AssetExecutionContext) -> list[date]:
    """The days that a run was asked for, ascending."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)

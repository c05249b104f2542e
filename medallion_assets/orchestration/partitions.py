"""Partitioned assets: a business day each, or a month each; any of them in one run.

Belongs here: Dagster's definitions of the partitions of Gold, serving and months, and reporting scattered days.
Does not: which of them a run is about, or which days to run (triggers).
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import dagster as dg

from medallion_assets.contracts.months import Months
from medallion_assets.contracts.run_days import (
    SCATTERED_DAYS,
    parse_day,
    partition_named,
)
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.stages.partitions import days_within


class BusinessDays(dg.DailyPartitionsDefinition):
    """Dagster's daily partitions; days that are none are refused with our words where Dagster asks the definition.

    It asks the command line's days of it, and those of a step that reads an asset with partitions, before our code
    runs. A host process knows the definition as Dagster's own.
    """

    def validate_partition_key(self, partition_key: str, context: Any) -> None:
        """Refuse what is no partition.

        Raises:
            PermanentError: it is none.
        """
        self._expect_days(partition_key)
        super().validate_partition_key(partition_key, context)

    def get_partition_keys_in_range(self, partition_key_range: dg.PartitionKeyRange) -> Sequence[str]:
        """The partitions of a range.

        Raises:
            PermanentError: the range begins before the first day.
        """
        if partition_key_range.start < (self.get_first_partition_key() or ""):
            self._expect_days(f"{partition_key_range.start}...{partition_key_range.end}")
        return super().get_partition_keys_in_range(partition_key_range)

    def _expect_days(self, named: str) -> None:
        first, last = self.get_first_partition_key(), self.get_last_partition_key()
        if first is not None and last is not None:
            days_within(
                named, first_day=parse_day(first), last_day=parse_day(last), where="the assets of Gold and serving"
            )


def business_days(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition a business day, from `first_day` to today inclusive; 23 or 25 hours long when clocks change."""
    return BusinessDays(start_date=str(first_day), timezone=BUSINESS_TIME_ZONE, end_offset=1)


def partitioned_asset(first_day: date, months: Months | None, **options: Any) -> Any:
    """`@dg.asset` with a partition for each business day from `first_day` on, or for each month.

    Any days are one run. Months are a run each where a backfill asks for several: they do not wait for each other.
    """
    if months is not None:
        partitions_def = dg.MonthlyPartitionsDefinition(start_date=str(months.first), timezone="UTC", end_offset=1)
        return dg.asset(partitions_def=partitions_def, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # for backfill_policy; Dagster's minor version is pinned
        return dg.asset(
            partitions_def=business_days(first_day), backfill_policy=dg.BackfillPolicy.single_run(), **options
        )


def loaded_asset(months: Months | None, **options: Any) -> Any:
    """`@dg.asset` of a table that comes in: without partitions, or with one for each month."""
    return dg.asset(**options) if months is None else partitioned_asset(months.first, months, **options)


def report_days(context: dg.AssetExecutionContext, days: Collection[date], result: dg.MaterializeResult[None]) -> None:
    """Report each day that a run of scattered days has made of an asset; Dagster reports the run's partition itself."""
    if SCATTERED_DAYS not in context.run.tags:
        return
    for day in sorted(map(str, days)):
        if day != partition_named(context.run.tags):
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=day, metadata=result.metadata))

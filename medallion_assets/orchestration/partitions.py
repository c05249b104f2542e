"""Partitioned assets: a business day each, or a month each; any of them in one run.

Belongs here: Dagster's definitions of the partitions of Gold, serving and months, and reporting scattered days.
Does not: which of them a run is about (stages/partitions.py), or which days to run (triggers).
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, cast

import dagster as dg

from medallion_assets.contracts.months import Months
from medallion_assets.contracts.run_days import (
    SCATTERED_DAYS,
    day_tags,
    days_named,
    parse_day,
    partition_named,
)
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.errors import PermanentError
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
                named, first_day=parse_day(first), last_day=parse_day(last), what="the assets of Gold and serving"
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


def choose_configured_month(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Make a run one of the month that its run config names, as if that partition had been chosen.

    Called before its first step: Dagster starts no step of a partitioned asset in a run that is of no partition. It
    looks for that in the run's tags, of which this process has the only copy that a run ever reads.

    Raises:
        PermanentError: run config names no month, several, or another one than the tags.
    """
    ops = cast("dict[str, Any]", run.run_config.get("ops") or {})
    named = {str(op["config"]["month"]) for op in ops.values() if (op.get("config") or {}).get("month")}
    if not named:
        return
    partition, found = days_named(run.tags), ", ".join(sorted(named))
    try:
        (month,) = (parse_day(f"{text}-01") for text in named)
    except ValueError:
        raise PermanentError(
            "the run config does not name a month",
            expected="month: YYYY-MM, set for one asset of the run",
            found=found,
            do="correct it; several months are a run each, or partitions that are chosen in the UI",
        ) from None
    if partition not in (None, str(month)):
        raise PermanentError(
            "partition and run config name different months",
            expected="the same month, or only one of the two",
            found=f"the partition {partition}, and month: {found}",
            do="leave month out of the run config, or choose its partition",
        )
    if partition is None:
        tags = day_tags([(month, month)])
        instance.add_run_tags(run.run_id, tags)
        cast("dict[str, str]", run.tags).update(tags)


def report_days(context: dg.AssetExecutionContext, days: Collection[date], result: dg.MaterializeResult[None]) -> None:
    """Report each day that a run of scattered days has made of an asset; Dagster reports the run's partition itself."""
    if SCATTERED_DAYS not in context.run.tags:
        return
    for day in sorted(map(str, days)):
        if day != partition_named(context.run.tags):
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=day, metadata=result.metadata))

"""Partitioned assets: a business day each, or a month each; any of them in one run.

Belongs here: what Gold and serving share about their partitions: which there are, and which of them a run is about.
Does not: which days to run (triggers), how tags name days (contracts/run_days.py), or what a day holds (gold, serving).
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from medallion_assets.contracts.months import Months, months_of
from medallion_assets.contracts.months import first_day as first_day_of_month
from medallion_assets.contracts.run_days import (
    RANGE_END,
    RANGE_START,
    SCATTERED_DAYS,
    day_tags,
    days_in,
    days_named,
    parse_day,
    parse_days,
    partition_named,
)
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE, Table
from medallion_assets.errors import PermanentError


def business_day(moment: datetime) -> date:
    """The business day of a moment (which has a zone)."""
    return moment.astimezone(ZoneInfo(BUSINESS_TIME_ZONE)).date()


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
            _days_within(
                named, first_day=parse_day(first), last_day=parse_day(last), what="the assets of Gold and serving"
            )


def business_days(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition a business day, from `first_day` to today inclusive; 23 or 25 hours long when clocks change."""
    return BusinessDays(start_date=str(first_day), timezone=BUSINESS_TIME_ZONE, end_offset=1)


def month_now(moment: datetime) -> date:
    """The month of a moment, in UTC, by its first day."""
    return first_day_of_month(moment.astimezone(UTC).date())


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


def config_of(config: type[dg.Config], months: Months | None) -> Any:
    """The run config of an asset; with a field for the month, where its table has months."""
    if months is None:
        return config

    class OfMonth(config):  # type: ignore[misc, valid-type]
        month: str = Field(default="", description="YYYY-MM, for the whole run, where no partition is chosen")

    return OfMonth


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
            expected="the same month, or one of the two alone",
            found=f"the partition {partition}, and month: {found}",
            do="leave month out of the run config, or choose its partition",
        )
    if partition is None:
        tags = day_tags([(month, month)])
        instance.add_run_tags(run.run_id, tags)
        cast("dict[str, str]", run.tags).update(tags)


def loaded_months(tags: Mapping[str, str], *, of: Table, months: Months | None, now: datetime) -> list[date]:
    """The months that a run of such a table is about; none where it has no months.

    Raises:
        PermanentError: the tags name no such month.
    """
    if months is None:
        return []
    return asked_partitions(tags, of=of, first_day=months.first, months=months, now=now)


def asked_partitions(
    tags: Mapping[str, str], *, of: Table, first_day: date, months: Months | None, now: datetime
) -> list[date]:
    """What a run of a table is about: days as `asked_days` gives them, or months, by their first days.

    Raises:
        PermanentError: the tags name no such partition.
    """
    if months is None:
        return asked_days(tags, of=of, first_day=first_day, now=now)
    named, last = days_named(tags), month_now(now)
    try:
        asked = months_of(days_in(parse_days(named or "")))
    except ValueError:
        asked = []
    if not asked or asked[0] < months.first or asked[-1] > last:
        raise PermanentError(
            f"{of.name}: a run cannot be about these months",
            expected=f"months from {months.first} to {last}, each by its first day, as YYYY-MM-DD",
            found=repr(named) if named else "no month at all",
            do="choose such partitions in the UI; or give `dagster asset materialize` --partition YYYY-MM-01; or set "
            "month: YYYY-MM in the run config of an asset; which month is the first stands in the table's declaration",
        )
    return asked


def asked_days(tags: Mapping[str, str], *, of: Table, first_day: date, now: datetime) -> list[date]:
    """The days that a run of a table is about, as its tags say, ascending: business days from `first_day` to today.

    Dagster lets a run begin whatever its tags say; so this is asked before anything is done.

    Raises:
        PermanentError: the tags name no day, or what they name is none of these days.
    """
    named, partition = days_named(tags), partition_named(tags)
    days = _days_within(named, first_day=first_day, last_day=business_day(now), what=of.name)
    if SCATTERED_DAYS in tags and str(partition) not in map(str, days):
        raise PermanentError(
            f"{of.name}: a run of scattered days is of none of them to Dagster",
            expected=f"a partition among {named}, as the tag {SCATTERED_DAYS} says",
            found=partition or "no partition",
            do=f"tag it with one of these days as {RANGE_START} and {RANGE_END}, or leave {SCATTERED_DAYS} out",
        )
    return days


def report_days(context: dg.AssetExecutionContext, days: Collection[date], result: dg.MaterializeResult[None]) -> None:
    """Report each day that a run of scattered days has made of an asset; Dagster reports the run's partition itself."""
    if SCATTERED_DAYS not in context.run.tags:
        return
    for day in sorted(map(str, days)):
        if day != partition_named(context.run.tags):
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=day, metadata=result.metadata))


def _days_within(named: str | None, *, first_day: date, last_day: date, what: str) -> list[date]:
    found = "no day at all"
    if named is not None:
        try:
            ranges = parse_days(named)
        except ValueError as error:
            found = f"{named!r} ({error})"
        else:
            if first_day <= min(first for first, _ in ranges) and max(last for _, last in ranges) <= last_day:
                return days_in(ranges)
            found = repr(named)
    raise PermanentError(
        f"{what}: a run cannot be about these days",
        expected=f"business days from {first_day} to {last_day}, each as YYYY-MM-DD, a range with its first day first",
        found=found,
        do="choose such partitions in the UI; or give `dagster asset materialize` --partition DAY or "
        "--partition-range FIRST...LAST; or tag the run as docs/run_now.md says. MEDALLION_FIRST_DAY is the first day",
    )

"""Closing days: which business days a tick of the nightly schedule asks for.

Belongs here: yesterday, and the days that nobody closed while the daemon was down, as pure functions; what was closed,
as Dagster's event log has it.
Does not: when it ticks, or days that Silver restated.

A day is closed when its figures were published by a run that began after the day had ended. Dagster evaluates only the
last of the ticks that it missed, so the other days are found here: the days between the first one that was ever
published and yesterday, and no more than MOST_MISSED_DAYS back. A lakehouse in which nothing was published yet has
missed nothing: its past is restated days, which have a sensor of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.run_days import partition_day
from medallion_assets.contracts.table import Table
from medallion_assets.operations.unread import Unread
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.run_records import readable_record

MOST_MISSED_DAYS = 31


def unclosed_days(
    instance: dg.DagsterInstance, table: Table, closing: date, *, first_day: date, limit: int = MOST_MISSED_DAYS
) -> list[date]:
    """The days before `closing` that nobody closed, ascending: since `table` was first published, and `first_day`."""
    first = first_published(instance, table)
    days = days_before(closing, first=first and max(first, first_day), limit=limit)
    closed = closed_days(instance, table, days)
    return [day for day in days if day not in closed]


def days_before(closing: date, *, first: date | None, limit: int = MOST_MISSED_DAYS) -> list[date]:
    """The days before `closing`, ascending: from `first` on (None: no day at all), and at most `limit` days back."""
    if first is None:
        return []
    start = max(first, closing - timedelta(days=limit))
    return [start + timedelta(days=number) for number in range((closing - start).days)]


def first_published(instance: dg.DagsterInstance, table: Table) -> date | None:
    """The first business day that was ever published, as the event log knows."""
    days = (partition_day(key) for key in instance.get_materialized_partitions(asset_key(table)))
    return min((day for day in days if day is not None), default=None)


def made_before(instance: dg.DagsterInstance, table: Table, moment: datetime) -> bool:
    """Whether any partition of a table was made before a moment, as the event log knows."""
    wanted = dg.AssetRecordsFilter(asset_key=asset_key(table), before_timestamp=moment.timestamp())
    return bool(instance.fetch_materializations(wanted, limit=1).records)


def closed_days(
    instance: dg.DagsterInstance,
    table: Table,
    days: Collection[date],
    *,
    end_of: Callable[[date], datetime] = end_of_business_day,
) -> set[date]:
    """Those of `days`, or months, that a run published which began after they had ended."""
    closed: set[date] = set()
    for day in days:
        ended = end_of(day).timestamp()
        wanted = dg.AssetRecordsFilter(asset_key=asset_key(table), asset_partitions=[str(day)], after_timestamp=ended)
        records = instance.fetch_materializations(wanted, limit=1).records
        if records and _began(instance, records[0]) >= ended:
            closed.add(day)
    return closed


def ticks(cron_line: str, time_zone: str, after: datetime, until: datetime) -> list[datetime]:
    """When a cron line was due, after a moment and until another.

    That is where partitions by this line begin, the one that has only begun included.
    """
    partitions = dg.TimeWindowPartitionsDefinition(
        start=after.astimezone(ZoneInfo(time_zone)),
        fmt="%Y-%m-%dT%H:%M%z",
        timezone=time_zone,
        cron_schedule=cron_line,
        end_offset=1,
    )
    ticks = map(datetime.fromisoformat, partitions.get_partition_keys(current_time=until))
    return [tick for tick in ticks if after < tick <= until]


def _began(instance: dg.DagsterInstance, record: dg.EventLogRecord) -> float:
    """When the run of a materialization began, also an unreadable one; of a forgotten one, when it was made."""
    unread: list[Unread] = []
    run = readable_record(instance, record.run_id, unread)
    known = instance.get_run_stats(record.run_id) if unread else run
    return record.timestamp if known is None or known.start_time is None else known.start_time

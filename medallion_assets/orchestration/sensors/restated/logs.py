"""The logs that say what a Gold table lacks: Silver's, its own, and Dagster's event log, read on from a cursor.

Belongs here: reading, and the cursor that says up to where. Who has no cursor, or one that fits no more, reads all.
Does not: what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import dagster as dg

from medallion_assets.contracts.documents import Moment
from medallion_assets.contracts.pipeline import Gold
from medallion_assets.contracts.run_days import partition_day
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import CommitLog
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.day_ledger import NEVER, DayLedger, DayPublished, GoldBuild, Position, advance
from medallion_assets.deriving.day_logs import gold_builds, ledger_of, silver_changes
from medallion_assets.orchestration.audits import table_version
from medallion_assets.orchestration.reporting import asset_key

EVENTS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """A ledger and up to where the logs were read for it: versions of Silver and Gold, and the last event's id.

    `tables` are the ids of the two Delta tables, Gold's first, and `commits` those of the commits that made these
    versions, empty where unknown: another table under the same name is read from its beginning, and so is an older copy
    that took its place. `went_back_at` is when that was noticed: what was asked for before was asked of lost versions.
    `is_served`: whether something publishes the Gold table; where that changes, all is read again.
    """

    ledger: DayLedger
    silver_version: Position = NEVER
    gold_version: Position = NEVER
    event_id: Position = 0
    tables: tuple[str, ...] = ()
    commits: tuple[str, str] = ("", "")
    went_back_at: Moment | None = None
    is_served: bool = True

    @property
    def gold_id(self) -> str:
        """The id of the Gold table; empty while there is none."""
        return self.tables[0] if self.tables else ""

    @property
    def silver_id(self) -> str:
        """The id of the Silver table."""
        return self.tables[1] if self.tables else ""


def known_for(gold: Gold, reading: LogPosition | None) -> LogPosition:
    """What a cursor says was read; nothing if it is lost, or of another kind of table. The declaration comes first."""
    ledger = ledger_of(gold)
    if reading is None or reading.ledger.as_of != ledger.as_of:
        return LogPosition(ledger=ledger)
    return replace(reading, ledger=replace(reading.ledger, keep_days=ledger.keep_days))


def read_on(
    reading: LogPosition,
    lakehouse: Lakehouse,
    instance: dg.DagsterInstance,
    gold: Gold,
    serving: Table | None,
    *,
    now: datetime,
) -> LogPosition:
    """Read what the logs say after `reading`; Silver is there, Gold may not have been made yet.

    Where nothing serves the Gold table, a day that is built is where it is meant to be.

    Raises:
        TransientError: the storage did not answer.
    """
    event_id, published = reading.event_id, list[dg.EventLogRecord]()
    if serving is not None:
        event_id, published = _published_after(instance, serving, reading.event_id)
    built, silver = lakehouse.find(gold.table), lakehouse.open(gold.source)  # in this order: see `advance`
    tables = (built.table_id if built else "", silver.table_id)
    gold_version = built.version if built else NEVER
    gold_is_back = _went_back(built, reading.gold_version, reading.commits[0])
    gone = gold_is_back or _went_back(silver, reading.silver_version, reading.commits[1])
    is_served = serving is not None
    if gone or (reading.tables and (reading.tables != tables or reading.is_served != is_served)):
        nothing = LogPosition(
            ledger=ledger_of(gold),
            event_id=reading.event_id if gold_is_back else 0,  # what was published of lost versions says nothing
            went_back_at=now if gone and reading.tables == tables else reading.went_back_at,
            is_served=is_served,
        )
        return read_on(nothing, lakehouse, instance, gold, serving, now=now)
    ledger = reading.ledger
    if silver.version > reading.silver_version:
        days = silver.days
        ledger = replace(ledger, first_day=min(days, default=None), greatest_day=max(days, default=None))
    builds = list(gold_builds(gold, built, silver, reading.gold_version)) if built else []
    ledger = advance(
        ledger,
        silver_changes=silver_changes(silver, built, reading.silver_version),
        gold_builds=builds,
        publishes=_publishes(built, published) if built and serving else _as_published(builds),
    )
    return LogPosition(
        ledger=ledger,
        silver_version=silver.version,
        gold_version=gold_version,
        event_id=event_id,
        tables=tables,
        commits=(_made_by(built), _made_by(silver)),
        went_back_at=reading.went_back_at,
        is_served=is_served,
    )


def _went_back(table: Snapshot | None, version: Position, commit: str) -> bool:
    """Whether a table lost a version that was read, or has it with another commit."""
    if table is None or table.version < version:
        return version > NEVER
    return bool(commit) and CommitLog(table).has_commit(version, commit) is False


def _made_by(table: Snapshot | None) -> str:
    return (CommitLog(table).commit_id(table.version) or "") if table else ""


def _published_after(
    instance: dg.DagsterInstance, serving: Table, event_id: int
) -> tuple[int, list[dg.EventLogRecord]]:
    """The materializations of serving after an event, and the id of the last event."""
    found: list[dg.EventLogRecord] = []
    more = True
    while more:
        wanted = dg.AssetRecordsFilter(asset_key=asset_key(serving), after_storage_id=event_id)
        page = instance.fetch_materializations(wanted, limit=EVENTS_AT_ONCE, ascending=True)
        for record in page.records:
            event_id = max(event_id, record.storage_id)
            found.append(record)
        more = page.has_more
    return event_id, found


def _publishes(gold: Snapshot, published: Iterable[dg.EventLogRecord]) -> Iterator[DayPublished]:
    for record in published:
        version = table_version(record, gold)
        if version is not None and (day := partition_day(record.partition_key)) is not None:
            yield DayPublished(day=day, version=version)


def _as_published(builds: Iterable[GoldBuild]) -> Iterator[DayPublished]:
    for build in builds:
        yield from (DayPublished(day=day, version=build.version) for day in build.replaced)

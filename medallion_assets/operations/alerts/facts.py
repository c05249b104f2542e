"""Facts: what the alert rules look at, read from the tables.

Belongs here: reading, bounded to the last days, so that it costs little every few minutes.
Does not: the rules, or what only Dagster knows (its sensors hand it in).

A table that cannot be read silences its own rule alone; that is a fact as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.alerts.failures import WINDOW_DAYS
from medallion_assets.operations.exports.ledgers import read_ledgers
from medallion_assets.operations.exports.refused import refused_batches
from medallion_assets.operations.exports.waiting import WaitingBatch, waiting_batches
from medallion_assets.operations.freshness.freshness import read_freshness
from medallion_assets.operations.tables.alerts import AlertEvent, open_alerts, read_events
from medallion_assets.operations.tables.every import OPERATIONS_TABLES
from medallion_assets.operations.tables.expectation_results import EXPECTATION_RESULTS, read_last_batches
from medallion_assets.operations.tables.incident import Incident
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, last_records, read_attempts
from medallion_assets.operations.tables.refused import find_readable, refused_tables
from medallion_assets.operations.unread import Unread
from medallion_assets.refining.ledger.chain import UnprotectedMinute
from medallion_assets.refining.loading.refused_batches import RefusedBatch

USUAL_BATCHES, FEWEST_BATCHES = 20, 5
"""A batch is compared with so many before it, at most and at least."""
LONGEST_USUAL = timedelta(days=400)
"""So far back they are looked for, where batches are rare."""
SILENT_DAYS = 60
"""A table that has received no records for so long has had its alert, or was never used: nobody looks further back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStage:
    """A stage that is at work now, in a run; `started_at` is its first attempt's."""

    run_id: str
    job: str
    stage: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """What the rules look at. `attempts` are rows of PIPELINE_RUNS, `results` of EXPECTATION_RESULTS, oldest first.

    `results` hold batches before the WINDOW_DAYS as well, which those of these days are compared with. `minutes` names
    Silver tables with the minute of a full batch that no window covers, `last_records` judged tables with when they
    were last brought a record, or a batch that is promised also without any (made, if neither ever came). `known_runs`
    are the ids of runs of these attempts that Dagster knows: their ends raise their own alerts. `days_due` is the
    business day that each daily job was to have closed by now; `first_day` is the first there is. `open_alerts` are the
    last alerts that were raised about conditions which nobody has been told the end of, by condition; `incidents` say
    whether a stage that failed was done since.
    """

    attempts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=polars_schema(PIPELINE_RUNS)))
    results: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=polars_schema(EXPECTATION_RESULTS)))
    freshness: Sequence[Freshness] = ()
    refused: Sequence[RefusedBatch] = ()
    waiting: Sequence[WaitingBatch] = ()
    minutes: Sequence[tuple[str, UnprotectedMinute]] = ()
    last_records: Mapping[str, datetime] = field(default_factory=dict)
    running: Sequence[RunningStage] = ()
    unread: Sequence[Unread] = ()
    known_runs: frozenset[str] = frozenset()
    days_due: Mapping[str, date] = field(default_factory=dict)
    first_day: date = date.min
    open_alerts: Mapping[str, AlertEvent] = field(default_factory=dict)
    incidents: Sequence[Incident] = ()
    catalog: Catalog = field(default_factory=Catalog)

    def recent_results(self, now: datetime) -> pl.DataFrame:
        """The results of the WINDOW_DAYS alone."""
        return self.results.filter(pl.col("judged_at") >= now - timedelta(days=WINDOW_DAYS))


def read_facts(
    lakehouse: Lakehouse,
    now: datetime,
    *,
    running: Collection[RunningStage] = (),
    days_due: Mapping[str, date] | None = None,
    first_day: date = date.min,
) -> AlertFacts:
    """The facts of the last WINDOW_DAYS, with batches before them. What cannot be read is `unread`.

    Tables that are not there are not made.
    """
    since = (now - timedelta(days=WINDOW_DAYS)).date()
    readers: dict[str, Callable[[], Any]] = {
        "attempts": lambda: read_attempts(lakehouse, since=since),
        "results": lambda: read_last_batches(lakehouse, USUAL_BATCHES + 1, since=since, first=since - LONGEST_USUAL),
        "freshness": lambda: read_freshness(lakehouse, now),
        "refused": lambda: refused_batches(lakehouse),
        "waiting": lambda: waiting_batches(read_ledgers(lakehouse)),
        "minutes": lambda: unprotected_minutes(lakehouse),
        "last_records": lambda: last_brought(lakehouse, now),
        "open_alerts": lambda: open_alerts(read_events(lakehouse, now)),
    }
    read: dict[str, Any] = {}
    unread: list[Unread] = []
    for name, reader in readers.items():
        try:
            read[name] = reader()
        except Exception as error:  # noqa: BLE001 - it is reported, and the other facts are read
            unread.append(_unread(name, error))
    unread += _unread_tables(lakehouse)
    facts = AlertFacts(
        running=list(running), unread=unread, days_due=days_due or {}, first_day=first_day, catalog=lakehouse.catalog
    )
    return replace(facts, **read)


def _unread(what: str, error: Exception) -> Unread:
    """The facts that an error keeps from being read; one of an unexpected kind is logged with where it came from."""
    if isinstance(error, LAKEHOUSE_ERRORS):
        return Unread(what=what, error=str(error))
    logging.getLogger(__name__).error("%s cannot be read", what, exc_info=error)
    return Unread(what=what, error=repr(error))


def _unread_tables(lakehouse: Lakehouse) -> list[Unread]:
    """Tables of data that the other facts leave out: nobody may take that for the end of what was wrong with them."""
    try:
        refused = [(table, error) for table, error in refused_tables(lakehouse) if table not in OPERATIONS_TABLES]
    except Exception as error:  # noqa: BLE001 - it is reported
        return [_unread("tables", error)]
    return [Unread(what=table.name, error=str(error)) for table, error in refused]


def unprotected_minutes(lakehouse: Lakehouse) -> list[tuple[str, UnprotectedMinute]]:
    """The tables whose newest full batch was joined by a window that leaves some of its minute out."""
    found = [(ledger.loaded.table.name, ledger.unprotected_minute) for ledger in read_ledgers(lakehouse)]
    return [(table, minute) for table, minute in found if minute is not None]


def last_brought(lakehouse: Lakehouse, now: datetime) -> dict[str, datetime]:
    """When the last attempt of each judged table began that read a record, in SILENT_DAYS; others are absent.

    A table that was made in these days and has been brought nothing has been silent since then.
    What declares `source_freshness_hours` is promised a batch also where nothing has changed: its newest one counts,
    whatever is in it.
    """
    tables, first_at = lakehouse.catalog.loaded_tables, now - timedelta(days=SILENT_DAYS)
    found = last_records(lakehouse, [table.name for table in tables], since=first_at.date())
    for table in tables:
        silver = None if table.name in found else find_readable(lakehouse, table)
        if silver is not None and not silver.row_count and silver.made_at >= first_at:
            found[table.name] = silver.made_at
    promised = {loaded.table.name for loaded in lakehouse.catalog.loaded if loaded.source_freshness_hours is not None}
    for ledger in read_ledgers(lakehouse) if promised & found.keys() else ():
        name = ledger.loaded.table.name
        if name in promised and name in found:
            found[name] = max([found[name], *(batch.covers_to for batch in ledger.settled)])
    return found

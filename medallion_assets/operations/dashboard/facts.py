"""Facts: everything that the page shows, read once; of what happened the last DAYS alone.

Belongs here: which tables are read. Those that are not there are not made.
Does not: what follows from the facts, or how they look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pictures import DayTotals
from medallion_assets.contracts.place import PlaceStatus
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MedallionError
from medallion_assets.operations.business.day_totals import Totals, read_totals
from medallion_assets.operations.exports.chain_warnings import ChainWarning, chain_warnings
from medallion_assets.operations.exports.ledgers import read_ledgers
from medallion_assets.operations.exports.refused import refused_batches
from medallion_assets.operations.exports.waiting import UnsettledBatch, unsettled_batches
from medallion_assets.operations.freshness.reach import Reaches, reaches
from medallion_assets.operations.status import Status, read_status
from medallion_assets.operations.tables.alerts import AlertEvent, read_events
from medallion_assets.operations.tables.expectation_results import read_results
from medallion_assets.operations.tables.incident import Incident, read_incidents
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.operations.tables.refused import refused_tables, tolerant
from medallion_assets.operations.unrecorded import unrecorded_failures
from medallion_assets.refining.ledger.chain import Gap
from medallion_assets.refining.loading.refused_batches import RefusedBatch

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class DashboardFacts:
    """What is known now. Frames have the columns of their tables; these and incidents come oldest first.

    `refusals` are batches that were refused and are still not in; `gaps` batches that wait for a window, with their
    table, `unsettled` those that have long waited for a run or a person, and `pending` by table all that Silver has not
    settled. `refused` are tables that cannot be read or written, with the error, `unrecorded` failures of what leaves
    no attempts, `chain_warnings` where writes may be in no batch, `wrong_places` places in which nothing of ours lies.
    `alerts` are all events of alerts that are kept, oldest first.
    """

    catalog: Catalog
    status: Status
    attempts: pl.DataFrame
    results: pl.DataFrame
    incidents: list[Incident]
    unrecorded: list[Incident]
    alerts: list[AlertEvent]
    refusals: list[RefusedBatch]
    gaps: list[tuple[str, Gap]]
    unsettled: list[UnsettledBatch]
    pending: Mapping[str, Collection[str]]
    refused: list[tuple[str, MedallionError]]
    chain_warnings: list[ChainWarning]
    totals: list[Totals]
    wrong_places: list[PlaceStatus]

    @property
    def now(self) -> datetime:
        """When all this was so."""
        return self.status.at

    @cached_property
    def reaches(self) -> Reaches:
        """How far each table reaches."""
        return reaches(self.status.checkpoints)

    @property
    def since(self) -> datetime:
        """Where the charts begin: with what happened first, a day ago at least and DAYS days at most."""
        began: list[datetime] = [
            *self.attempts["started_at"].head(1),
            *self.results["judged_at"].head(1),
            self.now - timedelta(days=1),
        ]
        return max(min(began), self.now - timedelta(days=DAYS))


@tolerant
def read_facts(lakehouse: Lakehouse, now: datetime, *, raw_url: str | None = None) -> DashboardFacts:
    """Everything, as it is now. Without `raw_url` nobody asks whether the places are the right ones.

    Raises:
        TransientError: the storage did not answer.
    """
    since = (now - timedelta(days=DAYS)).date()
    status = read_status(lakehouse, now, raw_url=raw_url)
    ledgers = list(read_ledgers(lakehouse))
    reached = reaches(status.checkpoints)
    return DashboardFacts(
        catalog=lakehouse.catalog,
        status=status,
        attempts=read_attempts(lakehouse, since=since),
        results=read_results(lakehouse, since=since),
        incidents=read_incidents(lakehouse, since=since),
        unrecorded=unrecorded_failures(lakehouse, now),
        alerts=read_events(lakehouse, now),
        refusals=refused_batches(lakehouse),
        gaps=[(ledger.loaded.table.name, gap) for ledger in ledgers for gap in ledger.gaps],
        unsettled=list(unsettled_batches(lakehouse, ledgers, now)),
        pending={ledger.loaded.table.name: ledger.pending_ids for ledger in ledgers},
        refused=[(table.name, error) for table, error in refused_tables(lakehouse)],
        chain_warnings=chain_warnings(ledgers),
        wrong_places=[place for place in status.places if raw_url is not None and not place.is_fine],
        totals=[
            read_totals(lakehouse, picture, reached.get(picture.table.name), days=DAYS)
            for picture in lakehouse.catalog.pictures
            if isinstance(picture, DayTotals)
        ],
    )

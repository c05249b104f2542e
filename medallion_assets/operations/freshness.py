"""Freshness: when each table was last refreshed, and whether that is too long ago.

Belongs here: what counts as a refresh, and the judgement as a pure function.
Does not: the table that keeps it, or alerting anybody.

A refresh is a commit of the table, or an attempt of its stage that succeeded: one that found nothing new has looked,
and the table is as fresh as its source. A table that was never refreshed is as old as the lakehouse, so that a Gold
table that is never built becomes stale as well, and a lakehouse of this morning has nothing stale.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.table import Table
from medallion_assets.delta.commit_notes import last_commit
from medallion_assets.delta.committing import COMMIT_ID
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.checkpoint import committed_at
from medallion_assets.operations.monitoring import Freshness
from medallion_assets.operations.pipeline_runs import last_successes
from medallion_assets.operations.refused_tables import find_readable
from medallion_assets.operations.stages import data_tables, stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What is known of a table: its last commit, its stage's last success, its rows, and when the lakehouse began.

    At the age of `freshness_hours` it counts as stale.
    """

    table: Table
    freshness_hours: float | None = None
    committed_at: datetime | None = None
    succeeded_at: datetime | None = None
    row_count: int | None = None
    began_at: datetime | None = None


def freshness(known: Refreshed, now: datetime) -> Freshness:
    """The judgement on one table. A table without a limit is never stale; one at its limit is not stale yet."""
    last_refreshed = max(filter(None, (known.committed_at, known.succeeded_at)), default=None)
    counted_from, limit = last_refreshed or known.began_at, known.freshness_hours
    is_stale = limit is not None and counted_from is not None and now - counted_from > timedelta(hours=limit)
    return Freshness(
        table=known.table.name,
        last_refreshed=last_refreshed,
        row_count=known.row_count,
        sla_hours=limit,
        is_stale=is_stale,
    )


def read_freshness(lakehouse: Lakehouse, now: datetime) -> list[Freshness]:
    """How fresh every data table is, in the order in which data flows. Tables that are not there are not made.

    Raises:
        TransientError: the storage did not answer.
    """
    return [freshness(known, now) for known in _refreshed(lakehouse)]


def _refreshed(lakehouse: Lakehouse) -> Iterable[Refreshed]:
    tables = list(data_tables(lakehouse.catalog))
    successes = last_successes(lakehouse, [table.name for table in tables])
    snapshots = {
        table.name: snapshot
        for table in tables
        if table.layer != "serving" and (snapshot := find_readable(lakehouse, table)) is not None
    }
    made = [snapshot.delta.metadata().created_time for snapshot in snapshots.values()]
    began_at = min((datetime.fromtimestamp(moment / 1000, UTC) for moment in made if moment), default=None)
    limits = {stage.table.name: stage.freshness_hours for stage in stages(lakehouse.catalog)}
    for table in tables:
        snapshot, success = snapshots.get(table.name), successes.get(table.name)
        commit = None if snapshot is None else last_commit(snapshot, COMMIT_ID)
        yield Refreshed(
            table=table,
            freshness_hours=limits.get(table.name),
            committed_at=None if commit is None else committed_at(commit),
            succeeded_at=None if success is None else success.ended_at,
            row_count=None if snapshot is None else snapshot.row_count,
            began_at=began_at,
        )

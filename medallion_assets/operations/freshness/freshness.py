"""Freshness: how far the data of each table reach, and whether that is too far behind (rule V4).

Belongs here: the answer as a pure function, which everybody shows or alerts by; what counts as a refresh.
Does not: how far data reach, the table that keeps this, or alerting anybody.

A run that succeeds on old data leaves a table as old as they are. A table of which nothing is covered yet is as old as
the lakehouse, so that a Gold table that is never built becomes stale as well, and a lakehouse of this morning has
nothing stale. Where nobody says how far data reach, a table is neither fresh nor stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.coverage import NOTHING, Coverage
from medallion_assets.contracts.table import Table
from medallion_assets.delta.committing import COMMIT_ID
from medallion_assets.delta.notes.commit_notes import last_commit
from medallion_assets.delta.one_look import OneLook
from medallion_assets.delta.row_tables.identity import read_identity
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.freshness.checkpoint import committed_at
from medallion_assets.operations.freshness.coverage import read_coverage
from medallion_assets.operations.freshness.kept import kept_checkpoints
from medallion_assets.operations.stages import data_tables, delta_tables, stages, stages_of
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.operations.tables.pipeline_runs import last_successes
from medallion_assets.operations.tables.refused import find_readable

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTable:
    """What is known of a table: how far it reaches, its last commit and its stage's last success, its rows.

    `began_at` is when the lakehouse began; `sample_ends_at` how far the samples reach that it holds. At more than
    `freshness_hours` behind, the table counts as stale.
    """

    table: Table
    freshness_hours: float | None = None
    coverage: Coverage = NOTHING
    committed_at: datetime | None = None
    succeeded_at: datetime | None = None
    row_count: int | None = None
    began_at: datetime | None = None
    sample_ends_at: datetime | None = None


def freshness(known: KnownTable, now: datetime) -> Freshness:
    """How fresh one table is. A table without a limit is never stale; one at its limit is not stale yet."""
    last_refreshed = max(filter(None, (known.committed_at, known.succeeded_at)), default=None)
    limit, reached = known.freshness_hours, known.coverage.until
    measured_at = known.sample_ends_at if known.sample_ends_at and known.sample_ends_at < now else None
    counted_from, against = (known.began_at, now) if reached is None else (reached, measured_at or now)
    is_late = counted_from is not None and limit is not None and against - counted_from > limit * HOUR
    return Freshness(
        table=known.table.name,
        last_refreshed=last_refreshed,
        row_count=known.row_count,
        sla_hours=limit,
        is_stale=is_late and known.coverage.is_known,
        covered_until=reached,
        hours_since_refresh=None if last_refreshed is None else max((now - last_refreshed) // HOUR, 0),
        measured_at=measured_at,
    )


def read_freshness(lakehouse: Lakehouse, now: datetime) -> list[Freshness]:
    """How fresh every data table is, in the order in which data flows. Tables that are not there are not made.

    Raises:
        TransientError: the storage did not answer.
    """
    return [freshness(known, now) for known in _known(OneLook.at(lakehouse))]


def _known(lakehouse: Lakehouse) -> Iterable[KnownTable]:
    tables = list(data_tables(lakehouse.catalog))
    successes = _successes(lakehouse)
    snapshots = {
        table.name: snapshot
        for table in delta_tables(lakehouse.catalog)
        if (snapshot := find_readable(lakehouse, table)) is not None
    }
    made = [snapshot.delta.metadata().created_time for snapshot in snapshots.values()]
    began_at = min((datetime.fromtimestamp(moment / 1000, UTC) for moment in made if moment), default=None)
    limits = {stage.table.name: stage.freshness_hours for stage in stages(lakehouse.catalog)}
    coverage = read_coverage(lakehouse)
    ends = _sample_ends(lakehouse, coverage)
    for table in tables:
        snapshot = snapshots.get(table.name)
        commit = None if snapshot is None else last_commit(snapshot, COMMIT_ID)
        yield KnownTable(
            table=table,
            freshness_hours=limits.get(table.name),
            coverage=coverage.get(table.name, NOTHING),
            committed_at=None if commit is None else committed_at(commit),
            succeeded_at=successes.get(table.name),
            row_count=None if snapshot is None else snapshot.row_count,
            began_at=began_at,
            sample_ends_at=ends.get(table.name),
        )


def _successes(lakehouse: Lakehouse) -> dict[str, datetime | None]:
    """When each stage last succeeded: attempts of late say it, or else what the monitor kept of those before."""
    names = [stage.table.name for stage in stages(lakehouse.catalog)]
    recent = last_successes(lakehouse, names)
    kept = kept_checkpoints(lakehouse, set(names) - recent.keys())
    return {name: row.last_success for name, row in kept.items()} | {
        name: attempt.ended_at for name, attempt in recent.items()
    }


def _sample_ends(lakehouse: Lakehouse, coverage: Mapping[str, Coverage]) -> dict[str, datetime]:
    """Of a lakehouse of samples, how far those of its pipeline reach, by table; nothing of another."""
    identity = read_identity(lakehouse)
    ends = dict[str, datetime]()
    for pipeline in lakehouse.catalog.pipelines if identity and identity.is_sample else ():
        names = [stage.table.name for stage in stages_of(pipeline)]
        if reached := [until for name in names if (until := coverage[name].until) is not None]:
            ends |= dict.fromkeys(names, max(reached))
    return ends

"""The status of the pipeline: what a person wants to know first, read from Delta tables alone.

Belongs here: the one answer that `medallion status` prints and that the dashboard shows, and what of it is a problem.
Does not: how it looks (cli, the dashboard), or alerting anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from medallion_assets.contracts.beside import bronze_name
from medallion_assets.contracts.place import PlaceStatus
from medallion_assets.delta.row_tables.identity import Identity, read_identity
from medallion_assets.delta.row_tables.rows import rows_of
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import message_of
from medallion_assets.errors.long_texts import short, without_middle
from medallion_assets.operations.exports.chain_warnings import chain_warnings
from medallion_assets.operations.exports.ledgers import read_ledgers
from medallion_assets.operations.exports.refused import by_reason, refused_batches
from medallion_assets.operations.exports.sources import TableSource, read_sources
from medallion_assets.operations.exports.waiting import (
    UNSETTLED_DO,
    late_gaps,
    unsettled_batches,
    waiting_batches,
)
from medallion_assets.operations.freshness.checkpoint import read_checkpoints
from medallion_assets.operations.freshness.freshness import read_freshness
from medallion_assets.operations.places import lakehouse_place, look_at_places
from medallion_assets.operations.quality import published_scores, quality
from medallion_assets.operations.stages import Stage, delta_tables, stages
from medallion_assets.operations.tables.alerts import read_alerts
from medallion_assets.operations.tables.expectation_results import read_results
from medallion_assets.operations.tables.incident import Incident, read_incidents
from medallion_assets.operations.tables.incident_ends import ended_at, open_incidents
from medallion_assets.operations.tables.monitoring import Checkpoint, Freshness
from medallion_assets.operations.tables.pipeline_runs import (
    BROKEN,
    PIPELINE_RUNS,
    Outcome,
    StageAttempt,
    last_attempts,
    read_attempts,
)
from medallion_assets.operations.tables.refused import find_readable, refused_tables, tolerant
from medallion_assets.operations.unrecorded import unrecorded_failures
from medallion_assets.refining.ledger.ledger import Ledger

WINDOW = timedelta(days=7)
"""What figures over several attempts are made of."""
SHOWN = 10
"""How many alerts, and how many incidents."""
INCIDENT_COLUMNS = ("failed_at", "ended_at", "stage", "partition", "export_id", "headline", "do", "run_id")


@dataclass(frozen=True, kw_only=True)
class StageStatus:
    """What one stage did: its last attempt, and figures of all attempts of the 7 days before.

    `quality` is the share of good records over all that were published; null where nothing was. `quality_threshold` is
    null of stages that judge nothing.
    """

    stage: str
    last: StageAttempt | None
    attempts: int
    succeeded: int
    median_seconds: float | None
    longest_seconds: float | None
    records_in: int
    records_out: int
    records_quarantined: int
    quality: float | None
    quality_threshold: float | None

    @property
    def is_broken(self) -> bool:
        """Whether its last attempt failed or was lost."""
        return self.last is not None and self.last.outcome in BROKEN

    @property
    def is_below_threshold(self) -> bool:
        """Whether too many of its records were bad."""
        return self.quality is not None and self.quality_threshold is not None and self.quality < self.quality_threshold


@dataclass(frozen=True, kw_only=True)
class Status:
    """The whole answer. `identity` is null before a stage has given the lakehouse its id.

    `sources` says whose batches each Bronze table takes.
    `alerts` and `incidents` are the last ones of 7 days, newest first. Their columns are those of
    `operations.tables.alerts.read_alerts`, and INCIDENT_COLUMNS of operations.incidents.
    `places` says what the places of tables and batches are. `problems` are places where nothing of ours lies, tables
    that are stale or have features that are in the way, stages whose last attempt failed or was lost, failures of what
    leaves no attempts, such as a fetch, and batches that wait or were refused; `warnings` what else a person should
    know.
    """

    at: datetime
    lakehouse: str
    identity: Identity | None
    places: list[PlaceStatus]
    sources: list[TableSource]
    freshness: list[Freshness]
    checkpoints: list[Checkpoint]
    stages: list[StageStatus]
    alerts: list[dict[str, Any]]
    incidents: list[Incident]
    problems: list[str]
    warnings: list[str]

    @property
    def never_made(self) -> list[str]:
        """The tables that no stage has made or published yet, although one is there to do so."""
        of_stages = {stage.stage for stage in self.stages}
        return [fresh.table for fresh in self.freshness if fresh.last_refreshed is None and fresh.table in of_stages]


@tolerant
def read_status(lakehouse: Lakehouse, now: datetime, *, raw_url: str | None = None) -> Status:
    """Read it; nothing is written, and no table is made. Without `raw_url` the batches' places are not looked at.

    Raises:
        TransientError: the storage did not answer.
    """
    _open_tables(lakehouse)
    since = now - WINDOW
    attempts = read_attempts(lakehouse, since=since.date()).filter(pl.col("started_at").is_between(since, now))
    fresh = read_freshness(lakehouse, now)
    results = read_results(lakehouse, since=since.date()).filter(pl.col("judged_at").is_between(since, now))
    scores = published_scores(attempts, results)
    known = list(stages(lakehouse.catalog))
    tried = set(attempts["stage"])
    before = last_attempts(lakehouse, {stage.table.name for stage in known} - tried, by=since)
    found = [stage_status(stage, attempts, scores, before.get(stage.table.name)) for stage in known]
    alerts = read_alerts(lakehouse, since=since.date()).reverse().head(SHOWN).to_dicts()
    incidents = read_incidents(lakehouse, since=since.date())[: -SHOWN - 1 : -1]
    ledgers = list(read_ledgers(lakehouse))
    places = [lakehouse_place(lakehouse)] if raw_url is None else look_at_places(lakehouse, raw_url)
    return Status(
        at=now,
        lakehouse=lakehouse.url,
        identity=read_identity(lakehouse),
        places=places,
        sources=read_sources(lakehouse),
        freshness=fresh,
        checkpoints=read_checkpoints(lakehouse),
        stages=found,
        alerts=alerts,
        incidents=incidents,
        problems=[
            *(str(place) for place in places if not place.is_fine),
            *problems(fresh, found, unrecorded_failures(lakehouse, now)),
            *batch_problems(lakehouse, ledgers, now, broken={stage.stage for stage in found if stage.is_broken}),
            *(str(error) for _, error in refused_tables(lakehouse)),
        ],
        warnings=[
            *warnings(found),
            *undone(found, _unended(lakehouse, now)),
            *map(str, chain_warnings(ledgers)),
        ],
    )


def _open_tables(look: Lakehouse) -> None:
    """Each table once, and before those that it is made from: these then know of everything that is in it."""
    for table in reversed(list(delta_tables(look.catalog))):
        find_readable(look, table)


def stage_status(
    stage: Stage, attempts: pl.DataFrame, scores: pl.DataFrame, before: StageAttempt | None = None
) -> StageStatus:
    """The figures of one stage, from attempts (columns of PIPELINE_RUNS, oldest first) of any stages.

    `before` is its last attempt where these have none of it.
    """
    table = stage.table
    own = attempts.filter(pl.col("stage") == table.name)
    succeeded = own.filter(pl.col("outcome") == Outcome.SUCCEEDED)
    durations = succeeded["duration_seconds"].to_list()
    return StageStatus(
        stage=table.name,
        last=next(iter(rows_of(PIPELINE_RUNS, own.tail(1))), before),
        attempts=own.height,
        succeeded=succeeded.height,
        median_seconds=sorted(durations)[len(durations) // 2] if durations else None,
        longest_seconds=max(durations, default=None),
        records_in=int(own["records_in"].sum()),
        records_out=int(own["records_out"].sum()),
        records_quarantined=int(own["records_quarantined"].sum()),
        quality=quality(scores.filter(pl.col("stage") == table.name)) if stage.gate else None,
        quality_threshold=stage.gate.quality_threshold if stage.gate else None,
    )


def problems(
    fresh: Sequence[Freshness], found: Sequence[StageStatus], unrecorded: Sequence[Incident] = ()
) -> list[str]:
    """What must not stay as it is, each with where and since when; `unrecorded` failures are of no stage."""
    stale = [
        f"{table.table} is stale: {_reach(table)}, limit {table.sla_hours:g} h; "
        f"last refreshed {_moment(table.last_refreshed)}"
        for table in fresh
        if table.is_stale
    ]
    broken = [
        f"{stage.stage}: its last attempt ({_moment(stage.last.started_at)}) {_became(stage.last)}"
        for stage in found
        if stage.last is not None and stage.is_broken
    ]
    failed = [
        f"{incident.stage}: failed ({_moment(incident.failed_at)}): {without_middle(incident.headline)}"
        for incident in unrecorded
    ]
    return stale + broken + failed


def batch_problems(
    lakehouse: Lakehouse, ledgers: Sequence[Ledger], now: datetime, *, broken: Collection[str]
) -> Iterator[str]:
    """The batches that wait or were refused; of a stage that is `broken` its last attempt says what it waits for."""
    for batch in late_gaps(waiting_batches(ledgers), now):
        yield f"{batch.table}: {batch.why}"
    for unsettled in unsettled_batches(lakehouse, ledgers, now):
        if unsettled.table not in broken:
            yield f"{unsettled.table}: {message_of(str(unsettled), do=UNSETTLED_DO)}"
    for refused in by_reason(refused_batches(lakehouse)):
        name = refused.newest.table_name
        what = f"{refused.what(lakehouse.catalog.batch_word(name))}; {refused.newest.reason}"
        yield f"{bronze_name(name)}: {message_of(short(what), do=refused.do)}"


def warnings(found: Sequence[StageStatus]) -> list[str]:
    """What a person should know, although nothing is stale or failed."""
    return [
        f"{stage.stage}: {stage.quality:.4f} of its records were good in {WINDOW.days} days, "
        f"under {stage.quality_threshold}"
        for stage in found
        if stage.is_below_threshold
    ]


def _unended(lakehouse: Lakehouse, now: datetime) -> list[Incident]:
    """The open incidents that no attempt since has ended: whoever ends them may not have looked yet."""
    if not (unended := open_incidents(lakehouse, now)):
        return []
    since = read_attempts(lakehouse, since=unended[0].failed_at.date())
    return [incident for incident in unended if ended_at(incident, since) is None]


def undone(found: Sequence[StageStatus], unended: Sequence[Incident]) -> Iterator[str]:
    """What a stage that goes on has not done since it failed, as later attempts were of other days: the newest."""
    newest = {incident.stage: incident for incident in unended}
    for stage in found:
        if not stage.is_broken and (incident := newest.get(stage.stage)) is not None:
            days = f" of {incident.partition}" if incident.partition else ""
            failed = f"what failed{days} ({_moment(incident.failed_at)}) has not been done since"
            yield f"{stage.stage}: {failed}: {without_middle(incident.headline)}"


def _became(attempt: StageAttempt) -> str:
    words = {Outcome.LOST: "was lost"}.get(attempt.outcome, attempt.outcome.value)
    return f"{words}: {without_middle(attempt.error or '')}"


def _reach(table: Freshness) -> str:
    return "no data" if table.covered_until is None else f"data until {_moment(table.covered_until)}"


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def status_facts(status: Status) -> dict[str, Any]:
    """The status as JSON shows it: with the verdict first."""
    incidents = [{name: getattr(incident, name) for name in INCIDENT_COLUMNS} for incident in status.incidents]
    return {"is_well": not status.problems, **vars(status), "incidents": incidents}

"""Dagster's runs for restated days: what is at work on a table, and what was asked for it before.

Belongs here: reading these runs, and the tags that say what a run was asked for.
Does not: what follows from them.

Each run carries what it was asked for: so a lost cursor neither asks too often nor, by repeating a run key, asks for
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.documents import from_json_or_none
from medallion_assets.contracts.run_days import EVERY_DAY, DayRange, days_text, ranges_at_work, ranges_of
from medallion_assets.contracts.table import Table
from medallion_assets.orchestration.hidden_tags import hidden_tag, value_of
from medallion_assets.orchestration.requests import runs_that_write
from medallion_assets.orchestration.run_records import readable_records
from medallion_assets.orchestration.sensors.restated.logs import LogPosition
from medallion_assets.orchestration.trigger_context import TRIGGER_TAG
from medallion_assets.triggers.restated.attempts import PastRun
from medallion_assets.triggers.restated.batches import DayBatch

ASKED_TAG = hidden_tag("asked_for")
"""What of a Gold table a run was asked for: every attempt at the same batch carries the same."""
ABOUT_TAG = hidden_tag("asked_about")
"""The same as a document, an `AskedDays`. Runs of releases before it have none, and count as no past runs."""
TRIGGER = "restated"
"""The trigger of all these runs."""
MOST_PAST_RUNS = 500
"""So many runs are looked back at: far more than there are in the two hours until something is given up. What was
given up before all of them is tried again, without another alert."""
_ENDS = {dg.DagsterRunStatus.SUCCESS: True, dg.DagsterRunStatus.FAILURE: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """The runs of a table that are queued or at work: the days of all, and how many of them were asked for here."""

    days: Sequence[DayRange]
    asked_here: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDays:
    """That days of a Gold table are built from a version of its source, or published as it has them.

    `table_id` begins the id of the table that has this version: of one that was made anew it is another version.
    """

    builds: bool
    table: str
    version: int
    table_id: str

    def is_of(self, gold: Table, reading: LogPosition) -> bool:
        """Whether it was asked of the tables as they are now."""
        return (self.table, self.table_id) == (gold.short_name, _table_id(reading, builds=self.builds))


def asked_about(gold: Table, batch: DayBatch, reading: LogPosition) -> AskedDays:
    """What a batch is asked for, whichever its days are."""
    table_id = _table_id(reading, builds=batch.builds)
    return AskedDays(builds=batch.builds, table=gold.short_name, version=batch.version, table_id=table_id)


def _table_id(reading: LogPosition, *, builds: bool) -> str:
    return (reading.silver_id if builds else reading.gold_id)[:8]


def asked_for(gold: Table, batch: DayBatch, reading: LogPosition) -> str:
    """What a batch is asked for, in short; another one when Silver (or Gold, to publish) has changed it again."""
    about = asked_about(gold, batch, reading)
    ranges, days = ranges_of(batch.days), batch.days
    several = f"{days[0]}...{days[-1]}"
    if len(ranges) > 1:
        digest = hashlib.blake2b(days_text(ranges).encode(), digest_size=4).hexdigest()
        several = f"{len(days)} days of {several}, {digest}"
    return f"{'build' if about.builds else 'publish'}:{about.table}:{several}@{about.version}.{about.table_id}"


def past_runs(instance: dg.DagsterInstance, gold: Table, reading: LogPosition) -> list[PastRun]:
    """The last runs that can be read and were asked for days of a Gold table, as it and Silver are now."""
    wanted = dg.RunsFilter(tags={TRIGGER_TAG: TRIGGER})
    return list(_past_runs(readable_records(instance, wanted, [], limit=MOST_PAST_RUNS), gold, reading))


def _past_runs(records: Sequence[dg.RunRecord], gold: Table, reading: LogPosition) -> Iterator[PastRun]:
    lost_until = reading.went_back_at
    for record in records:
        run = record.dagster_run
        asked, days = from_json_or_none(AskedDays, value_of(ABOUT_TAG, run.tags)), ranges_at_work(run.tags)
        asked_at = record.create_timestamp.replace(tzinfo=UTC)
        if asked is None or not asked.is_of(gold, reading) or (lost_until is not None and asked_at < lost_until):
            continue
        yield PastRun(
            builds=asked.builds,
            version=asked.version,
            days=[day_range for day_range in days if day_range != EVERY_DAY],
            asked_at=asked_at,
            active_at=record.update_timestamp.replace(tzinfo=UTC),
            succeeded=_ENDS.get(run.status),
        )


def runs_at_work(instance: dg.DagsterInstance, catalog: Catalog, tables: Collection[Table]) -> AtWork:
    """The runs that are queued or at work on some tables, whoever asked for them."""
    runs = runs_that_write(instance, catalog, tables)
    return AtWork(
        days=[day_range for run in runs for day_range in ranges_at_work(run.tags)],
        asked_here=sum(value_of(ASKED_TAG, run.tags) is not None for run in runs),
    )

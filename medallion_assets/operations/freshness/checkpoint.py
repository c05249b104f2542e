"""The checkpoint: how far every stage has come, as the tables' own logs say.

Belongs here: reading it. A commit of a stage carries what it was made from, so the answer cannot differ from the data.
Does not: the table that keeps it, or deciding what to run (triggers).

What is published lies in DynamoDB, which this does not ask: for serving the last attempt that succeeded says it, or
where that is none of late, the checkpoint that was kept before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from medallion_assets.contracts.table import Table
from medallion_assets.delta.committing import COMMIT_ID
from medallion_assets.delta.notes.authors import RUN_ID
from medallion_assets.delta.notes.commit_notes import commit_note, last_commit
from medallion_assets.delta.notes.source_versions import SOURCE_NOTE, taken_version
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.operations.freshness.coverage import read_coverage
from medallion_assets.operations.freshness.kept import kept_checkpoints
from medallion_assets.operations.stages import Stage, stages
from medallion_assets.operations.tables.monitoring import Checkpoint
from medallion_assets.operations.tables.pipeline_runs import StageAttempt, day_ranges, last_successes
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.ledger.ledger import Ledger

LOG, PIPELINE_RUNS_TABLE = "log", "pipeline_runs"
"""What a commit's author calls the run (resources.LakehouseResource)."""


def read_checkpoints(lakehouse: Lakehouse) -> list[Checkpoint]:
    """One checkpoint a stage, in the order in which data flows. Tables that are not there are not made.

    Raises:
        TransientError: the storage did not answer.
    """
    published = [published.table.name for published in lakehouse.catalog.published]
    successes = last_successes(lakehouse, published)
    kept = kept_checkpoints(lakehouse, set(published) - successes.keys())
    coverage = read_coverage(lakehouse)
    return [
        replace(
            (kept.get(stage.table.name) or _published(stage, successes))
            if stage.kind == "serving"
            else _committed(lakehouse, stage),
            covered_until=coverage[stage.table.name].until,
        )
        for stage in stages(lakehouse.catalog)
    ]


def committed_at(commit: Mapping[str, Any]) -> datetime:
    """When a commit was made, by its writer's clock; Delta keeps it in milliseconds since 1970."""
    return datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)


def _committed(lakehouse: Lakehouse, stage: Stage) -> Checkpoint:
    table = stage.table
    empty = Checkpoint(pipeline=stage.job, stage=table.name, told_by=LOG)
    snapshot = find_readable(lakehouse, table)
    if snapshot is None:
        return empty
    commit = last_commit(snapshot, COMMIT_ID)
    if commit is not None:
        empty = replace(empty, last_success=committed_at(commit), run_id=commit.get(RUN_ID))
    found = replace(empty, table_version=snapshot.version)
    match stage.kind:
        case "bronze":
            return _loaded(snapshot, found)
        case "judged":
            return _settled(snapshot, found)
        case "derived" | "dbt":
            return _derived(snapshot, stage.sources, found)
        case _:
            return _built(snapshot, stage.sources, found)


def _loaded(bronze: Snapshot, found: Checkpoint) -> Checkpoint:
    """Bronze: the batch whose window ends last. What waits lies outside the lakehouse."""
    batches = batches_in(bronze, bronze.lakehouse.catalog.loaded_by(bronze.table.short_name).source)
    if not batches:
        return found
    return replace(found, watermark=batches[-1].id)


def _settled(silver: Snapshot, found: Checkpoint) -> Checkpoint:
    """Silver: the version of Bronze up to which every batch is settled, and how many wait."""
    table, lakehouse = silver.table, silver.lakehouse
    bronze = find_readable(lakehouse, bronze_table(table.short_name))
    if bronze is None:
        return found
    waiting = len(Ledger.read(lakehouse.catalog.loaded_by(table.name), bronze, silver).pending)
    return replace(found, watermark=_watermark(silver, bronze), last_day=_last_day(silver), waiting=waiting)


def _derived(derived: Snapshot, tables: Sequence[Table], found: Checkpoint) -> Checkpoint:
    """A derived table: the versions of its sources."""
    sources = [source for table in tables if (source := find_readable(derived.lakehouse, table)) is not None]
    watermarks = [watermark for source in sources if (watermark := _watermark(derived, source)) is not None]
    missing = (source.version - (taken_version(derived, source) or 0) for source in sources)
    waiting = sum(max(versions, 0) for versions in missing)
    return replace(found, watermark=", ".join(watermarks) or None, last_day=_last_day(derived), waiting=waiting)


def _built(gold: Snapshot, sources: Sequence[Table], found: Checkpoint) -> Checkpoint:
    """Gold: the version of its source that was built from last. Which days that touches is the sensors' business."""
    commit = last_commit(gold, SOURCE_NOTE)
    watermark = None if commit is None else f"{sources[0].name}@{commit_note(commit, SOURCE_NOTE)}"
    return replace(found, watermark=watermark, last_day=_last_day(gold))


def _published(stage: Stage, successes: Mapping[str, StageAttempt]) -> Checkpoint:
    """Serving: the last attempt that succeeded, with the Gold version and the last day that it published."""
    empty = Checkpoint(pipeline=stage.job, stage=stage.table.name, told_by=PIPELINE_RUNS_TABLE)
    success = successes.get(stage.table.name)
    if success is None:
        return empty
    version, partition = success.table_version, success.partition
    day = max((last for _, last in day_ranges(partition)), default=None)
    told_by = PIPELINE_RUNS_TABLE if day or not partition else f"{PIPELINE_RUNS_TABLE}; {partition!r} is not a day"
    return replace(
        empty,
        told_by=told_by,
        last_success=success.ended_at,
        watermark=None if version is None else f"{stage.sources[0].name}@{version}",
        last_day=day,
        table_version=version,
        run_id=success.run_id,
    )


def _watermark(snapshot: Snapshot, source: Snapshot) -> str | None:
    version = taken_version(snapshot, source)
    return None if version is None else f"{source.table.name}@{version}"


def _last_day(snapshot: Snapshot) -> date | None:
    """The greatest partition, of a table that has a partition a business day."""
    return max(snapshot.days, default=None)

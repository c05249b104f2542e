"""Replacing: a batch is a whole partition of its table, and takes the place of what there was of it (rules E1 to E6).

Belongs here: settling such batches one by one, each in a commit of its own, and what of them is published.
Does not: batches that follow each other, judging, or the verdict of the gate.

Partitions are independent: one that fails the gate stops no other, and a commit that another partition's run was faster
than is made again without judging again, for what was written follows from the batch alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import partial

import polars as pl

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, HIGHEST_BATCH_ID, IS_DELETED, LOWEST_BATCH_ID
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.notes.commit_notes import RESTATED
from medallion_assets.delta.notes.source_versions import SourceVersion
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.refining.bronze import loaded_ids
from medallion_assets.refining.judging.gate import Counts, Gate
from medallion_assets.refining.judging.judging import judge_batches
from medallion_assets.refining.judging.quarantine import keep_batches, quarantine
from medallion_assets.refining.ledger.decisions import DecisionAction
from medallion_assets.refining.ledger.ledger import Tables
from medallion_assets.refining.merging.change import Change
from medallion_assets.refining.refined import Failing, Refined, settled_notes
from medallion_assets.refining.versions import drop_versions


def refine_partitions(
    lakehouse: Lakehouse,
    loaded: Loaded,
    *,
    gate: Gate,
    now: datetime,
    only: Collection[date],
    done: Refined,
    progress: Callable[[str], None],
) -> Refined:
    """Settle every batch that passes the gate, or about which a person decided; of the partitions `only`, or of all.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    done.held = []
    seen: set[tuple[str, int | None]] = set()
    while True:
        now_there = Tables.open(lakehouse, loaded)
        done.version = now_there.silver.version
        waiting = (batch for batch in now_there.ledger.pending if not only or batch.partition in only)
        batch = next((batch for batch in waiting if (batch.id, batch.version) not in seen), None)
        if batch is None:
            _clean_up(now_there)
            return done
        seen.add((batch.id, batch.version))
        progress(f"{loaded.table.name}: judging {batch.id}")
        _settle(now_there, loaded, batch, gate, now, done)


def _clean_up(tables: Tables) -> None:
    """Leave in Bronze and in quarantine nothing of versions that gave way; what is out already stays out."""
    lakehouse, bronze = tables.silver.lakehouse, tables.bronze.table
    drop_versions(lakehouse, bronze, tables.ledger.outlived)
    published = published_batches(tables.silver)
    keep_batches(lakehouse, tables.silver.table, lambda: loaded_ids(lakehouse.open(bronze)) | published)


def _settle(tables: Tables, loaded: Loaded, batch: Batch, gate: Gate, now: datetime, done: Refined) -> None:
    """Judge a batch; publish it, or leave it out, as the gate and people say."""
    lakehouse, decision = tables.silver.lakehouse, tables.ledger.decision(batch)
    if decision is DecisionAction.REJECT:
        if (version := _commit(lakehouse, loaded, gate, batch, None)) is not None:
            done.version = version
            done.rejected.append(batch.id)
        return
    with lakehouse.workspace() as folder:
        judged = judge_batches(tables.bronze, loaded, [batch], folder)
        judged.counts[batch.id] = _with_shrinking(tables.silver, batch, judged.counts[batch.id])
        if decision is not DecisionAction.ACCEPT and not gate.lets_through(judged.counts[batch.id]):
            done.held.append(Failing.of(batch, judged, loaded))
            return
        quarantine(lakehouse, loaded, pl.concat(judged.bad), [batch], now=now)
        change = replace_partition(tables.silver, judged.good, batch)
        version = _commit(lakehouse, loaded, gate, batch, change)
    if version is not None:
        done.version = version
        done.applied.append(judged.counts[batch.id])
        done.restated |= change.restated
        done.rows_changed += change.rows


def _commit(lakehouse: Lakehouse, loaded: Loaded, gate: Gate, batch: Batch, change: Change | None) -> int | None:
    """Settle a batch: applied with its change, rejected without one; None when it waits no more.

    What was written stays right whatever other partitions become meanwhile, so a lost race costs a look at the logs.
    """

    def commit() -> int | None:
        silver, bronze, ledger = Tables.open(lakehouse, loaded)
        if not any((waits.id, waits.version) == (batch.id, batch.version) for waits in ledger.pending):
            return None
        ids, rejected = ([], [batch.id]) if change is None else ([batch.id], [])
        made = change or Change()
        replaced = silver.partition_files([batch.partition]) if change is not None else silver.files.clear()
        return silver.commit(
            made.written,
            remove=replaced["path"],
            transactions=ledger.transactions(ids, rejected),
            metadata={
                RESTATED: sorted(made.restated),
                **settled_notes(silver, ledger, gate, SourceVersion.of(bronze), ids, rejected),
            },
        )

    return until_committed(commit)


def replace_partition(silver: Snapshot, good: Iterable[pl.LazyFrame], batch: Batch) -> Change:
    """Write the good records of a batch as its partition: a file for each part, and what is there gives way.

    `good` are parts of events (`events.event_schema`).
    """
    write = partial(_write_part, folder=silver.folder, partition=batch.partition, batch_id=batch.id)
    written = [file for file in silver.lakehouse.engine.map_items(write, list(good)) if file.rows]
    held = silver.partition_files([batch.partition])
    return Change(
        written=written,
        removed=held["path"].to_list(),
        restated={batch.partition} if batch.partition is not None else set(),
        rows=sum(file.rows for file in written),
    )


def add_rows(silver: Snapshot, events: pl.DataFrame) -> Change:
    """Write records that were bad and are good now, beside what there is of their partitions; none that is in."""
    table = silver.table
    change = Change()
    for (day, batch_id), rows in events.partition_by(str(table.partition_by), BATCH_ID, as_dict=True).items():
        held = silver.scan(partitions=[day]).select(table.row_id)
        new = rows.lazy().join(held, on=table.row_id, how="anti").collect(engine="streaming")
        if new.height:
            change.written.append(_write_part(new.lazy(), folder=silver.folder, partition=day, batch_id=batch_id))
            change.restated.add(day)
            change.rows += new.height
    return change


def published_batches(silver: Snapshot) -> set[str]:
    """The batches whose rows a table holds: of each partition the version that is published."""
    files = silver.files
    if not files.height:
        return set()
    if LOWEST_BATCH_ID in files.columns:  # not yet in a wide table that an earlier release made
        bounds = files.select(LOWEST_BATCH_ID, HIGHEST_BATCH_ID).drop_nulls()
        if bounds.filter(pl.col(LOWEST_BATCH_ID) == pl.col(HIGHEST_BATCH_ID)).height == files.height:
            return set(bounds[LOWEST_BATCH_ID])
    return set(silver.scan().select(pl.col(BATCH_ID).unique()).collect(engine="streaming")[BATCH_ID])


def _with_shrinking(silver: Snapshot, batch: Batch, counted: Counts) -> Counts:
    """Rule C7 for a version of a partition: so many fewer good rows than the one that is published count as deleted."""
    live = silver.rows_in([batch.partition])
    return replace(counted, live=live, absent=max(0, live - (counted.records - counted.bad)))


def _write_part(part: pl.LazyFrame, *, folder: TableFolder, partition: date | None, batch_id: str) -> WrittenFile:
    names = polars_schema(folder.table).names()
    rows = part.with_columns(pl.lit(value=False).alias(IS_DELETED)).select(names)
    return folder.write(rows, partition=partition).of_values({BATCH_ID: batch_id})

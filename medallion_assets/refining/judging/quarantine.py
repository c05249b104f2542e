"""Quarantine: bad records, kept with their reasons, so that nothing is lost and all can be driven again (rules R4, C6).

Belongs here: the quarantine table of a table, appending to it exactly once, and what full batches hold there.
Does not: driving rows again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

import polars as pl

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.beside import quarantine_name
from medallion_assets.contracts.columns import (
    BATCH_ID,
    EXPORT_FROM_AT,
    EXPORT_TO_AT,
    EXPORT_TYPE,
    LINE_NUMBER,
    RAW,
    REASON_COLUMNS,
    REASONS,
    REDRIVEN_AT,
    SOURCE_FILE,
)
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Column, Integer, Table, Text, TextList, TimestampUtc
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.damage import sound_files
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.notes.fingerprints import RULES_NOTE, fingerprint, rules_with
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.engines.engine import PutAside
from medallion_assets.engines.pieces import row_group_rows
from medallion_assets.refining.judging.events import POSITION, files_of_batches, may_hold
from medallion_assets.refining.typing.decode import decode


def quarantine_table(table: Table) -> Table:
    """The contract of the table that keeps a table's bad records."""
    return Table(
        name=quarantine_name(table),
        description=f"Records of {table.name} that are not valid, with every reason.",
        columns=(
            Column("reasons", TextList(), "every reason code of rules T1 to T4 and R3"),
            Column("reason_columns", TextList(), "the column of each reason; null where the whole record is meant"),
            Column(RAW, Text(), "the line, unchanged", has_bounds=False),
            Column(BATCH_ID, Text(), "the batch that brought the line"),
            Column(SOURCE_FILE, Text(), "the data file"),
            Column(LINE_NUMBER, Integer(), "the line in that file, from 1"),
            Column("failed_at", TimestampUtc(), "when it was judged"),
            Column(REDRIVEN_AT, TimestampUtc(), "when it was driven again with success", nullable=True),
        ),
        begins_empty=True,
        rebuilt_with=table.name,
    )


def quarantine(
    lakehouse: Lakehouse, loaded: Loaded, bad: pl.LazyFrame, batches: Collection[Batch], *, now: datetime
) -> int | None:
    """Put the bad records of batches that are being applied there, one commit; give the version, None if all were in.

    `bad` holds judged records (`_reasons`, `_reason_columns`, `raw`, position) of at least these batches. A batch
    that is there already, its present lines judged by the same rules, is left as it is: a run was cut off before
    Silver's commit. One that was judged otherwise then is replaced, or its rows and Silver's would differ (rule C6).
    """
    contract, rules = quarantine_table(loaded.table), fingerprint(loaded)
    transactions = {batch.id: _judged_as(rules, batch.version) for batch in batches}

    def put() -> int | None:
        snapshot = lakehouse.ready(contract)
        new = [batch_id for batch_id, judged_as in transactions.items() if snapshot.transaction(batch_id) != judged_as]
        rows = quarantine_rows(bad.filter(pl.col(BATCH_ID).is_in(new)), now)
        files, kept = files_of_batches(
            snapshot, [batch_id for batch_id in new if snapshot.transaction(batch_id) is not None]
        )
        if not files and not rows.head(1).collect().height:
            return None
        written = write_rows(snapshot, pl.concat([kept, rows]))
        return snapshot.commit(
            [written] if written.rows else [],
            remove=files,
            transactions={batch_id: transactions[batch_id] for batch_id in new},
            metadata={RULES_NOTE: rules_with(snapshot, [rules])},
        )

    return until_committed(put)


def add_missing_rows(lakehouse: Lakehouse, loaded: Loaded, rows: pl.LazyFrame) -> None:
    """Add rows of the quarantine table whose place it does not hold yet; the others stay as they are."""

    def add() -> None:
        kept = lakehouse.ready(quarantine_table(loaded.table))
        written = write_rows(
            kept, rows.join(kept.scan(paths=sound_files(kept)).select(POSITION), on=POSITION, how="anti")
        )
        if written.rows:
            kept.commit([written], metadata={RULES_NOTE: rules_with(kept, [fingerprint(loaded)])})

    until_committed(add)


def keep_batches(lakehouse: Lakehouse, table: Table, kept: Callable[[], Collection[str]]) -> None:
    """Take the rows of all batches but those `kept` out: of versions of a partition that gave way to later ones (E6).

    `kept` is asked after quarantine was read, so that it knows of every batch that others have put there meanwhile.
    That comes after the later version was published, and is done by the next run if this one ends before.
    """
    contract = quarantine_table(table)

    def keep() -> None:
        snapshot = lakehouse.find(contract)
        if snapshot is None or not snapshot.files.height:
            return
        held = snapshot.scan().select(pl.col(BATCH_ID).unique()).collect(engine="streaming")[BATCH_ID]
        if outdated := set(held).difference(kept()):
            files, others = files_of_batches(snapshot, outdated)
            written = write_rows(snapshot, others)
            snapshot.commit([written] if written.rows else [], remove=files)

    until_committed(keep)


def replace_quarantine(
    lakehouse: Lakehouse,
    loaded: Loaded,
    rows: pl.LazyFrame,
    batch_ids: Collection[str],
    *,
    note: Mapping[str, object],
) -> None:
    """Leave `rows` of some batches, judged by the current contract, and nothing else of theirs.

    A row that was there before keeps the time at which it first failed. `note` goes into the commit.
    """
    rules = fingerprint(loaded)

    def replace() -> None:
        kept = lakehouse.ready(quarantine_table(loaded.table))
        sound = sound_files(kept)
        damaged = [path for path in kept.files["path"] if path not in sound]
        files, others = files_of_batches(kept, batch_ids, paths=sound)
        before = kept.scan(paths=sound).select(*POSITION, pl.col("failed_at").alias("_before"))
        again = rows.join(before, on=POSITION, how="left").with_columns(
            pl.coalesce("_before", "failed_at").alias("failed_at")
        )
        written = write_rows(kept, pl.concat([others, again.drop("_before")]))
        transactions = dict.fromkeys(batch_ids, _judged_as(rules, None))
        kept.commit(
            [written] if written.rows else [],
            remove=[*files, *damaged],
            transactions=transactions,
            metadata={RULES_NOTE: [rules], **note},
        )

    until_committed(replace)


def write_rows(quarantine: Snapshot, rows: pl.LazyFrame) -> WrittenFile:
    """Bad records as one file; when they are long, in row groups of few."""
    height, size = (
        rows.select(pl.len(), pl.col(RAW).str.len_bytes().cast(pl.UInt64).sum()).collect(engine="streaming").row(0)
    )
    return quarantine.folder.write(rows, row_group_rows=row_group_rows(height, size))


def quarantine_rows(bad: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Judged records as rows of quarantine, judged at `now`."""
    return bad.select(
        pl.col(REASONS).alias("reasons"),
        pl.col(REASON_COLUMNS).alias("reason_columns"),
        RAW,
        BATCH_ID,
        SOURCE_FILE,
        LINE_NUMBER,
        pl.lit(now).cast(pl.Datetime("us", "UTC")).alias("failed_at"),
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(REDRIVEN_AT),
    )


def _judged_as(rules: str, bronze_version: int | None) -> int:
    """The version under which a batch's transaction says how its rows were judged: by which rules, from which lines.

    `bronze_version` is the one that brought the lines. Earlier releases wrote 1 whatever the rules.
    """
    return int(hashlib.sha256(f"{rules} {bronze_version}".encode()).hexdigest()[:15], 16) + 2


def bad_keys(lakehouse: Lakehouse, loaded: Loaded, fulls: Iterable[Batch]) -> pl.DataFrame:
    """The keys whose record was bad in full batches: key columns and `_export_id` (rule K1: these stay untouched)."""
    table = loaded.table
    batches = {batch.id: batch for batch in fulls}
    schema = polars_schema(table)
    empty = pl.DataFrame(schema={**{name: schema[name] for name in table.key}, BATCH_ID: pl.String})
    contract = quarantine_table(table)
    if not batches or not lakehouse.exists(contract):
        return empty
    held, engine = lakehouse.open(contract), lakehouse.engine
    if not held.files.height:
        return empty
    files = may_hold(held.files, batches)
    if int(files["num_records"].sum()) <= engine.bounds.block_rows:
        engine = engine.here  # what is one block is not worth a job
    find = partial(_keys_of_block, loaded=loaded, batches=batches)
    part = replace(held.folder.part(files["path"], rows=files["num_records"]), only=(BATCH_ID, tuple(batches)))
    keys = list(engine.map_blocks(find, part))
    return pl.concat([empty, *keys]).unique()


def _keys_of_block(rows: pl.DataFrame, _: PutAside, *, loaded: Loaded, batches: Mapping[str, Batch]) -> pl.DataFrame:
    decoded = decode(with_window(rows, batches.values()), loaded.table, loaded.source)
    return decoded.select(*loaded.table.key, BATCH_ID).drop_nulls().unique()


def with_window(rows: pl.DataFrame, batches: Iterable[Batch]) -> pl.DataFrame:
    """Give quarantined rows the columns that decoding asks for: the type and window of their batch."""
    facts = pl.DataFrame(
        [(batch.id, str(batch.kind), batch.covers_from, batch.covers_to) for batch in batches],
        schema={
            BATCH_ID: pl.String,
            EXPORT_TYPE: pl.Enum(BatchKind),
            EXPORT_FROM_AT: pl.Datetime("us", "UTC"),
            EXPORT_TO_AT: pl.Datetime("us", "UTC"),
        },
        orient="row",
    ).with_columns(pl.col(EXPORT_TYPE).cast(pl.String))
    return rows.join(facts, on=BATCH_ID, how="inner", maintain_order="left")

"""Bronze: raw lines exactly as they came, one Delta commit a batch, and the list of batches read back from that.

Belongs here: the Bronze contract (rule B4), loading a batch exactly once (rule B5), and which batches Bronze holds.
Does not: the form that batches come in (a source), or what lines mean.

Bronze's own Delta log is the ledger. A file of Bronze holds lines of one batch, and its bounds in the log name that
batch, its type and its window; a batch without any line leaves one file without rows. So what is in, and what each
commit brought, is read from the log and can say nothing that the data does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.beside import bronze_name
from medallion_assets.contracts.columns import (
    BATCH_ID,
    EXPORT_DATE,
    EXPORT_FROM_AT,
    EXPORT_TO_AT,
    EXPORT_TYPE,
    HIGHEST_BATCH_ID,
    LINE_NUMBER,
    LOWEST_BATCH_ID,
    RAW,
    SOURCE_FILE,
)
from medallion_assets.contracts.source import Source
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text, TimestampUtc
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.notes.commit_notes import commit_note, commits_since, every_noted, last_commit
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.engines.pieces import ROW_GROUP_BYTES, rows_of_bytes
from medallion_assets.errors import PermanentError
from medallion_assets.refining.versions import expect_latest

EXPORT_NOTE = "medallion_export"
REBUILT_EXPORTS_NOTE = "medallion_rebuilt_exports"
DROPPED_EXPORTS_NOTE = "medallion_dropped_exports"
LEDGER_BOUNDS = (BATCH_ID, EXPORT_TYPE, EXPORT_FROM_AT, EXPORT_TO_AT)


def bronze_table(name: str) -> Table:
    """The contract of the Bronze table that keeps the batches of one table (rule B4)."""
    return Table(
        name=bronze_name(name),
        description=f"Every record of every complete batch of {name}, exactly as it came.",
        partition_by=EXPORT_DATE,
        is_appended=True,
        columns=(
            Column(RAW, Text(trim=False), "the line, unchanged", has_bounds=False),
            Column(BATCH_ID, Text(), "the batch that brought the line"),
            Column(EXPORT_TYPE, Text(), " or ".join(BatchKind)),
            Column(EXPORT_FROM_AT, TimestampUtc(), "start of the window; a full batch: its time"),
            Column(EXPORT_TO_AT, TimestampUtc(), "end of the window; a full batch: its time"),
            Column(SOURCE_FILE, Text(), "the data file, as the source names it"),
            Column(LINE_NUMBER, Integer(), "the line in that file, from 1"),
            Column("_ingested_at", TimestampUtc(), "when we loaded it; the only column that depends on that"),
            Column(EXPORT_DATE, Date(), "UTC day of the batch's start"),
        ),
    )


def write_lines(folder: TableFolder, batch: Batch, lines: pl.DataFrame, *, now: datetime) -> WrittenFile:
    """Write some lines of a batch (`raw`, `_source_file`, `_line_number`) as one parquet file.

    Its row groups are small in bytes, whatever the lines: readers hold some of them at a time.
    """
    schema = {name: kind for name, kind in polars_schema(folder.table).items() if name != EXPORT_DATE}
    written = folder.write(
        lines.lazy().with_columns(_facts(batch, now)).select(pl.col(name).cast(kind) for name, kind in schema.items()),
        partition=batch.started_at.date(),
        row_group_rows=rows_of_bytes(lines.get_column(RAW), ROW_GROUP_BYTES),
    )
    return _with_exact_bounds(written, batch)


def load_batch(
    lakehouse: Lakehouse,
    table: Table,
    batch: Batch,
    written: Sequence[WrittenFile],
    *,
    notes: Mapping[str, object] | None = None,
) -> int | None:
    """Commit a batch's files under its id, with `notes`; give the version, or None when it was already in.

    Raises:
        BatchRefusedError: a later version of its partition is in.
        CommitConflictError: other writers were faster, every time.
    """

    def load() -> int | None:
        bronze = lakehouse.ready(table)
        if holds(bronze, batch.id):
            return None
        expect_latest(bronze, batch)
        files = written_or_empty(bronze, batch, written)
        known = bronze.transaction(batch.id) or 0
        return bronze.commit(
            files, transactions={batch.id: known + 1}, metadata={EXPORT_NOTE: _note(batch), **(notes or {})}
        )

    return until_committed(load)


def written_or_empty(bronze: Snapshot, batch: Batch, written: Sequence[WrittenFile]) -> list[WrittenFile]:
    """The files of a batch to commit: of one without any line, a file without rows that names it."""
    return [file for file in written if file.rows] or [_empty_file(bronze, batch)]


def rebuilt_notes(batches: Sequence[Batch]) -> dict[str, object]:
    """The note of a commit that puts batches in the place of what Bronze held of them."""
    return {REBUILT_EXPORTS_NOTE: [_note(batch) for batch in batches]}


def rebuilt_exports(bronze: Snapshot) -> dict[str, int]:
    """The batches that were read again after they were loaded, with the Bronze version that did so last."""
    return {
        facts["export_id"]: commit["version"]
        for commit in reversed(commits_since(bronze, -1))
        for facts in commit_note(commit, REBUILT_EXPORTS_NOTE) or []
    }


def dropped_batches(bronze: Snapshot) -> set[str]:
    """The ids of batches that a person took out, as they were of another source (rule B3)."""
    return every_noted(bronze, DROPPED_EXPORTS_NOTE)


def holds(bronze: Snapshot, batch_id: str) -> bool:
    """Whether a batch is in: by its files, so that a table that was rolled back is loaded again."""
    return bool(bronze.files.height) and batch_id in bronze.files[LOWEST_BATCH_ID]


def loaded_ids(bronze: Snapshot) -> set[str]:
    """The ids of all batches that are in."""
    return set(bronze.files[LOWEST_BATCH_ID]) if bronze.files.height else set()


def latest_origin(bronze: Snapshot) -> tuple[str, str | None] | None:
    """The id and the origin of the batch that was loaded last of those that are in; None when the log names none."""
    commit = last_load(bronze, EXPORT_NOTE)
    facts = None if commit is None else commit_note(commit, EXPORT_NOTE)
    return None if facts is None else (facts["export_id"], facts.get("table_id"))


def last_load(bronze: Snapshot, note: str) -> dict[str, Any] | None:
    """The last commit with a note, but for those whose batch was rolled back: the log tells of these as well."""
    held = loaded_ids(bronze)

    def counts(commit: Mapping[str, Any]) -> bool:
        facts = commit_note(commit, EXPORT_NOTE)
        return facts is None or facts["export_id"] in held

    return last_commit(bronze, note, counts=counts)


def batches_in(bronze: Snapshot, source: Source) -> list[Batch]:
    """Every batch that Bronze holds, in the order of judging; `version` and `origin` are not known from here."""
    if not bronze.files.height:
        return []
    if bronze.files.filter(pl.col(LOWEST_BATCH_ID) != pl.col(HIGHEST_BATCH_ID)).height:
        raise PermanentError(
            "a data file mixes batches, so the ledger cannot be read from the log",
            where=bronze.table.name,
            expected="one batch a file",
            do="restore the version before the table was compacted; Bronze is never compacted across batches",
        )
    rows = bronze.files.group_by(LOWEST_BATCH_ID).agg(
        pl.col(f"min.{EXPORT_TYPE}").first().alias("kind"),
        pl.col(f"min.{EXPORT_FROM_AT}").first().alias("covers_from"),
        pl.col(f"min.{EXPORT_TO_AT}").first().alias("covers_to"),
        pl.col("num_records").sum().alias("records"),
        pl.col(f"partition.{EXPORT_DATE}").first().alias("day"),
    )
    batches = [
        Batch(
            id=row[LOWEST_BATCH_ID],
            kind=BatchKind(row["kind"]),
            covers_from=row["covers_from"],
            covers_to=row["covers_to"],
            uncertainty=source.uncertainty,
            records=row["records"],
            started_at=datetime(row["day"].year, row["day"].month, row["day"].day, tzinfo=UTC),
        )
        for row in rows.iter_rows(named=True)
    ]
    return sorted(batches, key=lambda batch: batch.order)


def batches_since(bronze: Snapshot, version: int, source: Source) -> list[Batch]:
    """The batches that commits after `version` brought, oldest commit first, with their Bronze version and origin.

    One that was read again meanwhile is there once more, with its lines as they are now.
    """
    return [_batch_of(facts, version, source) for facts, version in _noted_since(bronze, version)]


def origins_since(bronze: Snapshot, version: int) -> dict[str, str | None]:
    """By the id of each batch that commits after `version` brought, oldest commit first: its origin."""
    return {facts["export_id"]: facts.get("table_id") for facts, _ in _noted_since(bronze, version)}


def origins_held(bronze: Snapshot) -> dict[str, str | None]:
    """The origins of the batches that are in, oldest commit first."""
    held = loaded_ids(bronze)
    return {batch_id: origin for batch_id, origin in origins_since(bronze, -1).items() if batch_id in held}


def batch_files(bronze: Snapshot, batch_id: str) -> pl.DataFrame:
    """The rows of `Snapshot.files` that hold a batch."""
    return files_of(bronze, [batch_id])


def files_of(bronze: Snapshot, batch_ids: Collection[str]) -> pl.DataFrame:
    """The rows of `Snapshot.files` that hold some batches, batch by batch."""
    if not bronze.files.height:
        return bronze.files
    return bronze.files.filter(pl.col(LOWEST_BATCH_ID).is_in(list(batch_ids))).sort(LOWEST_BATCH_ID, "path")


def _noted_since(bronze: Snapshot, version: int) -> Iterator[tuple[dict[str, Any], int]]:
    for commit in reversed(commits_since(bronze, version)):
        for facts in (commit_note(commit, EXPORT_NOTE), *(commit_note(commit, REBUILT_EXPORTS_NOTE) or ())):
            if facts is not None:
                yield facts, commit["version"]


def _note(batch: Batch) -> dict[str, object]:
    """What a commit says of a batch that it brings; what is stored keeps its names."""
    return {
        "export_id": batch.id,
        "export_type": batch.kind,
        "from_at": batch.covers_from,
        "to_at": batch.covers_to,
        "records": batch.records,
        "started_at": batch.started_at,
        "table_id": batch.origin,
    }


def _batch_of(facts: Mapping[str, Any], version: int, source: Source) -> Batch:
    return Batch(
        id=facts["export_id"],
        kind=BatchKind(facts["export_type"]),
        covers_from=datetime.fromisoformat(facts["from_at"]),
        covers_to=datetime.fromisoformat(facts["to_at"]),
        uncertainty=source.uncertainty,
        records=facts["records"],
        started_at=datetime.fromisoformat(facts["started_at"]),
        origin=facts.get("table_id"),
        version=version,
    )


def _facts(batch: Batch, now: datetime) -> list[pl.Expr]:
    return [
        pl.lit(batch.id).alias(BATCH_ID),
        pl.lit(str(batch.kind)).alias(EXPORT_TYPE),
        pl.lit(batch.covers_from).alias(EXPORT_FROM_AT),
        pl.lit(batch.covers_to).alias(EXPORT_TO_AT),
        pl.lit(now).alias("_ingested_at"),
    ]


def _empty_file(bronze: Snapshot, batch: Batch) -> WrittenFile:
    schema = {name: kind for name, kind in polars_schema(bronze.table).items() if name != EXPORT_DATE}
    return _with_exact_bounds(
        bronze.folder.write(pl.LazyFrame(schema=schema), partition=batch.started_at.date()), batch
    )


def _with_exact_bounds(written: WrittenFile, batch: Batch) -> WrittenFile:
    """The ledger is read from these bounds."""
    facts = (batch.id, str(batch.kind), batch.covers_from, batch.covers_to)
    return written.of_values(dict(zip(LEDGER_BOUNDS, facts, strict=True)))

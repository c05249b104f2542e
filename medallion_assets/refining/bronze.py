"""Bronze: raw lines exactly as exported, one Delta commit an export, and the list of exports read back from that.

Belongs here: the Bronze contract (rule B4), loading an export exactly once (rule B5), and which exports Bronze holds.
Does not: the export format and its verification (sources.dynamodb_export.read), or what lines mean
(refining.typing.decode).

Bronze's own Delta log is the ledger. A file of Bronze holds lines of one export, and its bounds in the log name that
export, its type and its window; an export without any line leaves one file without rows. So what is in, and what each
commit brought, is read from the log and can say nothing that the data does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from medallion_assets.contracts.full_export_time import decides_at
from medallion_assets.contracts.table import Column, Date, Integer, Limits, Table, Text, TimestampUtc
from medallion_assets.delta.commit_notes import commit_note, commits_since, last_commit
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.data_files import StagedFile
from medallion_assets.delta.pieces import rows_of_bytes
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError

FULL = "FULL_EXPORT"
INCREMENTAL = "INCREMENTAL_EXPORT"
EXPORT_NOTE = "medallion_export"
REBUILT_EXPORTS_NOTE = "medallion_rebuilt_exports"
DROPPED_EXPORTS_NOTE = "medallion_dropped_exports"
ROW_GROUP_BYTES = 8 * 1024 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEDGER_BOUNDS = ("_export_id", "_export_type", "_export_from_at", "_export_to_at")


def bronze_table(name: str) -> Table:
    """The contract of the Bronze table that keeps the exports of one DynamoDB table (rule B4)."""
    return Table(
        name=f"bronze.{name}",
        description=f"Every record of every complete export of {name}, exactly as exported.",
        partition_by="_export_date",
        limits=Limits(retries=2, retry_on_timeout=True),
        columns=(
            Column("raw", Text(trim=False), "the line, unchanged", has_bounds=False),
            Column("_export_id", Text(), "the export that brought the line"),
            Column("_export_type", Text(), f"{FULL} or {INCREMENTAL}"),
            Column("_export_from_at", TimestampUtc(), "start of the window; a full export: its exportTime"),
            Column("_export_to_at", TimestampUtc(), "end of the window; a full export: its exportTime"),
            Column("_source_file", Text(), "the data file, below the table's export folder"),
            Column("_line_number", Integer(), "the line in that file, from 1"),
            Column("_ingested_at", TimestampUtc(), "when we loaded it; the only column that depends on that"),
            Column("_export_date", Date(), "UTC day of the export's start"),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RawExport:
    """What Bronze knows of an export. `records` counts lines; `version` is the Bronze version that brought it."""

    export_id: str
    export_type: str
    from_at: datetime
    to_at: datetime
    records: int
    started_at: datetime
    table_id: str | None = None
    version: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether it is a picture of the whole table."""
        return self.export_type == FULL

    @property
    def decides_at_micros(self) -> int:
        """The sequence of a full export's items and of what it lacks (rule R1)."""
        return (decides_at(self.to_at) - EPOCH) // timedelta(microseconds=1)

    @property
    def covers_until(self) -> datetime:
        """The moment up to which it holds every write (rule C1)."""
        return decides_at(self.to_at) if self.is_full else self.to_at

    @property
    def order(self) -> tuple[datetime, str]:
        """Exports are judged in this order (rule C3)."""
        return self.to_at, self.export_id


def stage_lines(bronze: Snapshot, export: RawExport, lines: pl.DataFrame, *, now: datetime) -> StagedFile:
    """Write some lines of an export (`raw`, `_source_file`, `_line_number`) as one parquet file.

    Its row groups are small in bytes, whatever the lines: readers hold some of them at a time.
    """
    schema = {name: kind for name, kind in polars_schema(bronze.table).items() if name != "_export_date"}
    return bronze.stage(
        lines.lazy().with_columns(_facts(export, now)).select(pl.col(name).cast(kind) for name, kind in schema.items()),
        partition=export.started_at.date(),
        bounds=LEDGER_BOUNDS,
        row_group_rows=rows_of_bytes(lines.get_column("raw"), ROW_GROUP_BYTES),
    )


def load_export(
    lakehouse: Lakehouse,
    table: Table,
    export: RawExport,
    staged: Sequence[StagedFile],
    *,
    notes: Mapping[str, object] | None = None,
) -> int | None:
    """Commit an export's files under its id, with `notes`; give the version, or None when it was already in.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """

    def load() -> int | None:
        bronze = lakehouse.ready(table)
        if holds(bronze, export.export_id):
            return None
        files = staged_or_empty(bronze, export, staged)
        known = bronze.transaction(export.export_id) or 0
        return bronze.commit(
            files,
            transactions={export.export_id: known + 1},
            metadata={EXPORT_NOTE: asdict(export), **(notes or {})},
        )

    return until_committed(load)


def staged_or_empty(bronze: Snapshot, export: RawExport, staged: Sequence[StagedFile]) -> list[StagedFile]:
    """The files of an export to commit: of one without any line, a file without rows that names it."""
    return [file for file in staged if file.rows] or [_empty_file(bronze, export)]


def rebuilt_notes(exports: Sequence[RawExport]) -> dict[str, object]:
    """The note of a commit that puts exports in the place of what Bronze held of them."""
    return {REBUILT_EXPORTS_NOTE: [asdict(export) for export in exports]}


def rebuilt_exports(bronze: Snapshot) -> dict[str, int]:
    """The exports that were read again after they were loaded, with the Bronze version that did so last."""
    return {
        facts["export_id"]: commit["version"]
        for commit in reversed(commits_since(bronze, -1))
        for facts in commit_note(commit, REBUILT_EXPORTS_NOTE) or []
    }


def dropped_exports(bronze: Snapshot) -> set[str]:
    """The ids of exports that a person took out, as they were of another source (rule B3)."""
    commits = commits_since(bronze, -1)
    return {export_id for commit in commits for export_id in commit_note(commit, DROPPED_EXPORTS_NOTE) or []}


def holds(bronze: Snapshot, export_id: str) -> bool:
    """Whether an export is in: by its files, so that a table that was rolled back is loaded again."""
    return bool(bronze.files.height) and export_id in bronze.files["min._export_id"]


def loaded_ids(bronze: Snapshot) -> set[str]:
    """The ids of all exports that are in."""
    return set(bronze.files["min._export_id"]) if bronze.files.height else set()


def latest_export(bronze: Snapshot) -> RawExport | None:
    """The export that was loaded last of those that are in, with its table id; None when the log names none."""
    commit = last_load(bronze, EXPORT_NOTE)
    return None if commit is None else _export_of(commit_note(commit, EXPORT_NOTE), commit["version"])


def last_load(bronze: Snapshot, note: str) -> dict[str, Any] | None:
    """The last commit with a note, but for those whose export was rolled back: the log tells of these as well."""
    held = loaded_ids(bronze)

    def counts(commit: Mapping[str, Any]) -> bool:
        facts = commit_note(commit, EXPORT_NOTE)
        return facts is None or facts["export_id"] in held

    return last_commit(bronze, note, counts=counts)


def exports_of_tables(bronze: Snapshot) -> list[RawExport]:
    """The exports that are in, oldest commit first, with what only the log tells: their table ids."""
    held = loaded_ids(bronze)
    return [one for one in exports_since(bronze, -1) if one.export_id in held]


def exports_in(bronze: Snapshot) -> list[RawExport]:
    """Every export that Bronze holds, in the order of judging; `version` and `table_id` are not known from here."""
    if not bronze.files.height:
        return []
    if bronze.files.filter(pl.col("min._export_id") != pl.col("max._export_id")).height:
        raise PermanentError(
            f"{bronze.table.name}: a data file mixes exports, so the ledger cannot be read from the log",
            expected="one export a file",
            do="restore the version before the table was compacted; Bronze is never compacted across exports",
        )
    rows = bronze.files.group_by("min._export_id").agg(
        pl.col("min._export_type").first().alias("export_type"),
        pl.col("min._export_from_at").first().alias("from_at"),
        pl.col("min._export_to_at").first().alias("to_at"),
        pl.col("num_records").sum().alias("records"),
        pl.col("partition._export_date").first().alias("day"),
    )
    exports = [
        RawExport(
            export_id=row["min._export_id"],
            export_type=row["export_type"],
            from_at=row["from_at"],
            to_at=row["to_at"],
            records=row["records"],
            started_at=datetime(row["day"].year, row["day"].month, row["day"].day, tzinfo=UTC),
        )
        for row in rows.iter_rows(named=True)
    ]
    return sorted(exports, key=lambda export: export.order)


def exports_since(bronze: Snapshot, version: int) -> list[RawExport]:
    """The exports that commits after `version` brought, oldest commit first, with their Bronze version.

    One that was read again meanwhile is there once more, with its lines as they are now.
    """
    return [
        _export_of(facts, commit["version"])
        for commit in reversed(commits_since(bronze, version))
        for facts in (commit_note(commit, EXPORT_NOTE), *(commit_note(commit, REBUILT_EXPORTS_NOTE) or ()))
        if facts is not None
    ]


def export_files(bronze: Snapshot, export_id: str) -> pl.DataFrame:
    """The rows of `Snapshot.files` that hold an export."""
    return files_of(bronze, [export_id])


def files_of(bronze: Snapshot, export_ids: Collection[str]) -> pl.DataFrame:
    """The rows of `Snapshot.files` that hold some exports, export by export."""
    if not bronze.files.height:
        return bronze.files
    return bronze.files.filter(pl.col("min._export_id").is_in(list(export_ids))).sort("min._export_id", "path")


def _export_of(facts: dict[str, Any], version: int) -> RawExport:
    moments = {name: datetime.fromisoformat(facts[name]) for name in ("from_at", "to_at", "started_at")}
    return RawExport(**{**facts, **moments, "version": version})


def _facts(export: RawExport, now: datetime) -> list[pl.Expr]:
    return [
        pl.lit(export.export_id).alias("_export_id"),
        pl.lit(export.export_type).alias("_export_type"),
        pl.lit(export.from_at).alias("_export_from_at"),
        pl.lit(export.to_at).alias("_export_to_at"),
        pl.lit(now).alias("_ingested_at"),
    ]


def _empty_file(bronze: Snapshot, export: RawExport) -> StagedFile:
    schema = {name: kind for name, kind in polars_schema(bronze.table).items() if name != "_export_date"}
    staged = bronze.stage(pl.LazyFrame(schema=schema), partition=export.started_at.date())
    facts = (export.export_id, export.export_type, export.from_at, export.to_at)
    return replace(staged, bounds={name: (fact, fact) for name, fact in zip(LEDGER_BOUNDS, facts, strict=True)})

"""Ingest: every complete export of a table that Bronze does not hold, each loaded whole or not at all (rules B1 to B5).

Belongs here: putting the export format (sources.dynamodb_export.read) and the Bronze table (refining.bronze) together.
Does not: either of them, or when to run (triggers).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.delta.data_files import StagedFile
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import (
    RawExport,
    bronze_table,
    load_export,
    loaded_ids,
    stage_lines,
)
from medallion_assets.refining.decisions import read_decisions
from medallion_assets.refining.refusals import BY_ACCESS, fingerprints_now, refusal_of
from medallion_assets.refining.refused_exports import RefusedExport, read_refusals, record_refusals
from medallion_assets.refining.samples import SampleMark
from medallion_assets.refining.source import (
    LOOKED_AT_AGAIN,
    TABLE_RECREATED,
    Source,
    TableRecreatedError,
    arn_of_what_is_in,
    expect_same_table,
    expect_source,
    why_outdated,
)
from medallion_assets.settings import normalise_url
from medallion_assets.sources.dynamodb_export.find import list_exports
from medallion_assets.sources.dynamodb_export.read import Export, FoundExport, find_exports, read_export
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.verified_lines import export_lines
from medallion_assets.sources.dynamodb_export.verify import ExportRefusedError, expect_readable
from medallion_assets.storage.stores import open_store

ASKED_FIRST = BY_ACCESS | {Verdict.DATA_FILE_MISSING}
"""Verdicts after which each file is asked for a byte before any is fetched: copies and restores end file by file."""


@dataclass(kw_only=True)
class Ingested:
    """What a run of ingest did. `waiting` are exports without a summary, `refused` those that do not verify.

    `foreign` counts objects that belong to no export, `unclaimed` are those that look like an export's summary, and
    `unseen` folders that were not looked into, with why and what to do. `outdated` are exports that were loaded and do
    not count, with why.
    """

    version: int = 0
    loaded: list[RawExport] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    refused: list[RefusedExport] = field(default_factory=list)
    foreign: int = 0
    unclaimed: list[str] = field(default_factory=list)
    unseen: Mapping[str, str] = field(default_factory=dict)
    outdated: dict[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Lines that were loaded."""
        return sum(export.records for export in self.loaded)


def ingest(
    lakehouse: Lakehouse,
    raw_url: str,
    table_name: str,
    *,
    now: datetime,
    source: Source | None = None,
    only: Collection[str] = (),
    done: Ingested | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Load every complete export below `<raw_url>/<table_name>` that is not in; the others get a named verdict.

    What is loaded follows from what lies there and what Bronze holds, never from a trigger. An export that was refused
    is looked at again when it has changed (rule B2). One that is bad stops no other, except that a table made anew
    stops its successors (rule B3). `source` is what the contract says of the DynamoDB table. `only` names the exports
    to look at; empty means all. `done` is what an earlier call, which an error ended, had done: this one adds to it.

    Raises:
        PermanentError: the place of the exports is gone, or cannot be read.
        TransientError: the store or a table did not answer.
    """
    bronze = lakehouse.ready(bronze_table(table_name))
    refusals = read_refusals(lakehouse, table_name)
    held = loaded_ids(bronze)
    store = open_exports(raw_url, table_name, lakehouse.storage_options, loaded=lambda: held)
    done = done or Ingested()
    listing = list_exports(store, settled=held)
    done.waiting, done.refused = [], []
    done.foreign, done.unclaimed, done.unseen = listing.foreign, listing.summaries, listing.unseen
    known_source = _recorded_source(store, bronze, held, (source or Source()).known_from(bronze))
    loading = _Loading(lakehouse, store, bronze.table.short_name, now, known_source, done, has_rows=bool(held))
    fingerprints = fingerprints_now(store, listing.exports, refusals, known_source)
    fresh: list[RefusedExport] = []
    try:
        for found in listing.exports:
            known = refusals.get((found.export_id, found.prefix))
            if found.export_id in held or (only and found.export_id not in only):
                continue
            now_as = fingerprints[found.export_id, found.prefix]
            if not found.has_summary:
                done.waiting.append(found.export_id)
            elif known is not None and known.fingerprint == now_as and known.verdict not in LOOKED_AT_AGAIN:
                done.refused.append(known)
            else:
                progress(f"{bronze.table.name}: reading export {found.export_id}")
                refusal = loading.load(found, known)
                if refusal is None:
                    held.add(found.export_id)
                    continue
                fresh.append(refusal)
                if refusal.verdict == TABLE_RECREATED:
                    break
    finally:
        known_before = ((one, refusals.get((one.export_id, one.prefix))) for one in fresh)
        record_refusals(lakehouse, [one for one, before in known_before if not one.says_the_same(before)])
    done.refused += fresh
    done.version = lakehouse.open(bronze.table).version
    return done


def open_exports(
    raw_url: str, table_name: str, storage_options: Mapping[str, str], *, loaded: Callable[[], Collection[str]]
) -> ObjectStore:
    """The place of a table's exports; a local folder is made when there never was one.

    Raises:
        PermanentError: there was one, for exports of it are `loaded`: a disk that is not mounted must not look like a
            place where nothing has arrived.
    """
    place = normalise_url(f"{raw_url}/{table_name}", name="the URL of the exports")
    if not place.startswith("s3://") and not Path(place).is_dir() and (known := loaded()):
        raise PermanentError(
            f"the place of the exports of {table_name} is gone",
            expected=f"the folder {place}, from which {len(known)} exports were loaded",
            found="no such folder",
            do="mount the disk, or set MEDALLION_RAW_URL to where the exports lie now; if they were removed on "
            "purpose, make the folder again, empty",
        )
    return open_store(place, storage_options)


def _recorded_source(store: ObjectStore, bronze: Snapshot, held: Collection[str], source: Source) -> Source:
    """The source, recorded in a Bronze table that an earlier release loaded, if its exports still tell it (rule B3)."""
    if source.arn is not None or not held:
        return source
    still_there = (one for one in find_exports(store) if one.export_id in held)
    known = replace(source, arn=arn_of_what_is_in(store, still_there, bronze, source.accepts))
    if known.arn is not None:
        bronze.commit(metadata=known.notes)
    return known


@dataclass
class _Loading:
    """Loading one export after the other; the first one that comes in says what the source is, where nothing did."""

    lakehouse: Lakehouse
    store: ObjectStore
    table_name: str
    now: datetime
    source: Source
    done: Ingested
    has_rows: bool

    def __post_init__(self) -> None:
        self.mark = SampleMark(self.lakehouse, self.now)
        self.decisions = read_decisions(self.lakehouse, self.table_name)

    def load(self, found: FoundExport, known: RefusedExport | None) -> RefusedExport | None:
        """Load one export, or give its refusal; `known` is its refusal before."""
        export: Export | None = None
        try:
            bronze = self.lakehouse.open(bronze_table(self.table_name))
            export = read_export(self.store, found)
            expect_source(export, self.source, self.table_name)
            expect_same_table(bronze, export, self.source, self.decisions)
            if known is not None and known.verdict in ASKED_FIRST:
                expect_readable(self.store, export)
            self._load(bronze, export)
        except (ExportRefusedError, TableRecreatedError) as refused:
            return refusal_of(self.store, found, export, refused, self.source, table_name=self.table_name, now=self.now)
        return None

    def _load(self, bronze: Snapshot, export: Export) -> None:
        raw = raw_export(export)
        self.mark.before_loading(export)
        staged = stage_export(self.store, bronze, export, self.now)
        self.source, self.has_rows = self.source.told_by(export, has_rows=self.has_rows), True
        if load_export(self.lakehouse, bronze.table, raw, staged, notes=self.source.notes) is not None:
            self.done.loaded.append(raw)
            if (why := why_outdated(bronze, raw, self.decisions)) is not None:
                self.done.outdated[raw.export_id] = why


def raw_export(export: Export) -> RawExport:
    """An export as Bronze knows it."""
    return RawExport(
        export_id=export.export_id,
        export_type=export.export_type.value,
        from_at=export.from_at,
        to_at=export.to_at,
        started_at=export.started_at,
        records=export.item_count,
        table_id=export.table_id,
    )


def stage_export(store: ObjectStore, bronze: Snapshot, export: Export, now: datetime) -> list[StagedFile]:
    """Verify the data files of an export and write their lines; nothing of them is in before a commit.

    Raises:
        ExportRefusedError: a file does not verify.
        PermanentError: one was read otherwise than it was verified.
    """
    raw = raw_export(export)

    def stage(lines: pl.DataFrame) -> StagedFile:
        staged = stage_lines(bronze, raw, lines, now=now)
        if staged.rows != lines.height:
            raise PermanentError(
                f"{bronze.table.name}: export {export.export_id} was not written whole",
                expected=f"{lines.height} lines in {staged.path}",
                found=f"{staged.rows} lines",
                do="report this with the export: it was written otherwise than it was read",
            )
        return staged

    with closing(export_lines(store, export)) as frames:
        return list(map(stage, frames))  # a loop would hold each frame while the next one is read

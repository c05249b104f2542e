"""Ingest: every complete export of a table that Bronze does not hold, each loaded whole or not at all (rules B1 to B5).

Belongs here: putting the export format (dynamodb.exports) and the Bronze table (lakehouse.raw_exports) together.
Does not: either of them, or when to run (triggers).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.bronze.export_lines import export_lines
from medallion_assets.bronze.samples import SampleMark
from medallion_assets.bronze.verdicts import RefusedExport, read_refusals, record_refusals
from medallion_assets.dynamodb.exports import Export, FoundExport, find_exports, read_export
from medallion_assets.dynamodb.storage import open_store
from medallion_assets.dynamodb.verification import ExportRefusedError, expect_table
from medallion_assets.errors import PermanentError
from medallion_assets.lakehouse.data_files import StagedFile
from medallion_assets.lakehouse.decisions import Action, read_decisions
from medallion_assets.lakehouse.delta import Lakehouse, Snapshot
from medallion_assets.lakehouse.raw_exports import (
    RawExport,
    bronze_table,
    exports_since,
    latest_export,
    load_export,
    loaded_ids,
    stage_lines,
)
from medallion_assets.settings import normalise_url

TABLE_RECREATED = "table_recreated"
"""The DynamoDB table was dropped and made anew: loading stops until a person confirms it (rule B3)."""
FULL_EXPORT_MISSING = "full_export_missing"
"""A person confirmed the new table, and this export of it waits for the full one that begins its chain."""
LOOKED_AT_AGAIN = (TABLE_RECREATED, FULL_EXPORT_MISSING)
"""What a decision or another export mends, while the export's own files stay as they are."""


class TableRecreatedError(PermanentError):
    """An export of a table that was made anew cannot be loaded yet; `verdict` is one of the two above."""

    def __init__(self, verdict: str, what: str, **parts: Any) -> None:
        super().__init__(what, **parts)
        self.verdict = verdict


@dataclass(kw_only=True)
class Ingested:
    """What a run of ingest did. `waiting` are exports without a summary, `refused` those that do not verify."""

    version: int = 0
    loaded: list[RawExport] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    refused: list[RefusedExport] = field(default_factory=list)

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
    only: Collection[str] = (),
    done: Ingested | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Load every complete export below `<raw_url>/<table_name>` that is not in; the others get a named verdict.

    What is loaded follows from what lies there and what Bronze holds, never from a trigger. An export that was refused
    is looked at again when its listing has changed (rule B2). One that is bad stops no other, except that a table made
    anew stops its successors (rule B3). `only` names the exports to look at; empty means all. `done` is what an earlier
    call, which an error ended, had done: this one adds to it.

    Raises:
        PermanentError: the place of the exports is gone, or cannot be read.
        TransientError: the store or a table did not answer.
    """
    bronze = lakehouse.ready(bronze_table(table_name))
    refusals = read_refusals(lakehouse, table_name)
    held = loaded_ids(bronze)
    store = open_exports(raw_url, table_name, loaded=lambda: held)
    mark = SampleMark(lakehouse, now)
    done = done or Ingested()
    done.waiting, done.refused = [], []
    fresh: list[RefusedExport] = []
    try:
        for found in find_exports(store, settled=held):
            known = refusals.get((found.export_id, found.prefix))
            if found.export_id in held or (only and found.export_id not in only):
                continue
            if not found.has_summary:
                done.waiting.append(found.export_id)
            elif known is not None and known.fingerprint == found.fingerprint and known.verdict not in LOOKED_AT_AGAIN:
                done.refused.append(known)
            else:
                progress(f"{bronze.table.name}: reading export {found.export_id}")
                refusal = _load(lakehouse, store, found, bronze.table.short_name, now, mark, done)
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


def open_exports(raw_url: str, table_name: str, *, loaded: Callable[[], Collection[str]]) -> ObjectStore:
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
    return open_store(place)


def _load(
    lakehouse: Lakehouse,
    store: ObjectStore,
    found: FoundExport,
    table_name: str,
    now: datetime,
    mark: SampleMark,
    done: Ingested,
) -> RefusedExport | None:
    """Load one export, or give its refusal."""
    try:
        bronze = lakehouse.open(bronze_table(table_name))
        export = read_export(store, found)
        expect_table(export, table_name)
        _expect_same_table(lakehouse, bronze, export)
        raw = raw_export(export)
        mark.before_loading(export)
        staged = stage_export(store, bronze, export, now)
        if load_export(lakehouse, bronze.table, raw, staged) is not None:
            done.loaded.append(raw)
    except (ExportRefusedError, TableRecreatedError) as refusal:
        return RefusedExport(
            table_name=table_name,
            export_id=found.export_id,
            prefix=found.prefix,
            verdict=str(refusal.verdict),
            message=str(refusal),
            fingerprint=found.fingerprint,
            judged_at=now,
        )
    return None


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


def _expect_same_table(lakehouse: Lakehouse, bronze: Snapshot, export: Export) -> None:
    """Rule B3. A table that was confirmed begins a new chain, so its first export has to be a full one.

    A late export of a table that was loaded from before is older than the new table, and its records lose to that.
    """
    latest = latest_export(bronze)
    if latest is None or latest.table_id in (None, export.table_id):
        return
    if export.table_id in {loaded.table_id for loaded in exports_since(bronze, -1)}:
        return
    table_name = bronze.table.short_name
    decision = read_decisions(lakehouse, table_name).get(export.table_id)
    confirmed = decision is not None and decision.action is Action.CONFIRM_TABLE
    if confirmed and export.export_type.value == "FULL_EXPORT":
        return
    raise TableRecreatedError(
        FULL_EXPORT_MISSING if confirmed else TABLE_RECREATED,
        f"{bronze.table.name}: export {export.export_id} is of a table {table_name} that was dropped and made anew",
        expected=f"tableId {latest.table_id}, as in export {latest.export_id}",
        found=f"tableId {export.table_id}",
        do="make a full export of the new table; its incremental exports follow that"
        if confirmed
        else f"if that was meant, run bronze/{table_name} with confirm_table_id: {export.table_id}",
    )

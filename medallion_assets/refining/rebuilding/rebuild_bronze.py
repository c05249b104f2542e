"""Rebuilding Bronze: its batches read again from where they lie, and put in place where they differ, as one version.

Belongs here: comparing the lines of a batch with what Bronze holds of it.
Does not: loading batches that Bronze lacks; those that the raw place no longer has stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.columns import BATCH_ID, LINE_NUMBER, RAW, SOURCE_FILE
from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.search import Search
from medallion_assets.contracts.source import WRONG_TABLE, BatchRefusedError, Delivery, Found, Source
from medallion_assets.delta.commits import commit_while, until_committed
from medallion_assets.delta.damage import damaged_files
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.replacing.replacement import REBUILT_NOTE, Progress
from medallion_assets.delta.replacing.table_changes import Example, Rebuilt, TableChanges
from medallion_assets.delta.storage_errors import READING_ERRORS
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors.reasons import REASON, expect_reason
from medallion_assets.refining.bronze import (
    DROPPED_EXPORTS_NOTE,
    batch_files,
    bronze_table,
    loaded_ids,
    origins_since,
    rebuilt_notes,
    written_or_empty,
)
from medallion_assets.refining.loading.owner import owner_known
from medallion_assets.refining.loading.raw_place import RawPlace
from medallion_assets.refining.loading.write import counted, write_batch
from medallion_assets.refining.versions import superseded_batches

Digest = tuple[int, int]
"""How many lines, and a hash of them with their numbers."""


def rebuild_bronze(
    lakehouse: Lakehouse,
    raw_url: str,
    loaded: Loaded,
    *,
    why: str,
    now: datetime,
    drop_foreign: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Rebuilt:
    """Read every batch that Bronze holds, or once held, again, or say what that would change.

    The changes are counted in batches: `changed` are those whose lines differ or cannot be read any more, `added` those
    that the ledger names and the data had lost. `kept` are those that the raw place has no more, or not whole, or that
    are of another source (rule B3): an earlier release had let them in. These go with `drop_foreign`.

    Raises:
        PermanentError: `why` is blank, the table has not been made yet, or the place of the batches is gone.
        TransientError: the store did not answer.
        CommitConflictError: other writers were faster, every time.
    """
    bronze = bronze_table(loaded.table.short_name)
    expect_reason("the rebuild", why, where=bronze.name)

    def rebuild() -> Rebuilt:
        snapshot = lakehouse.open(bronze)
        work = _Work(
            bronze=snapshot,
            judged=loaded.table.name,
            raw=RawPlace.of(lakehouse, raw_url, loaded),
            now=now,
            source=loaded.source,
            owner=owner_known(loaded, snapshot),
            progress=progress,
            writes=not dry_run,
        )
        return work.run(why, drop_foreign=drop_foreign)

    return until_committed(rebuild)


@dataclass(kw_only=True)
class _Work:
    """One attempt: the batches are read in the order of their ids."""

    bronze: Snapshot
    judged: str
    raw: RawPlace
    now: datetime
    source: Source
    owner: Owner
    progress: Progress
    writes: bool
    changes: TableChanges = field(default_factory=TableChanges)
    written: list[WrittenFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    rebuilt: list[Batch] = field(default_factory=list)
    put_back: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    foreign: dict[str, str] = field(default_factory=dict)

    def run(self, why: str, *, drop_foreign: bool) -> Rebuilt:
        """Read, compare, and commit what differs."""
        self.damaged = damaged_files(self.bronze)
        bronze, name = self.bronze, self.bronze.table.short_name
        held = loaded_ids(bronze)
        known = held | (set(origins_since(bronze, 0)) - superseded_batches(bronze))
        place = self.raw.open(lambda: known)
        if place is None:
            raise self.raw.status(holds=False).error
        seen: set[str] = set()
        for found in self._found(place, known):
            if found.id not in seen and self._compare(place, found, is_held=found.id in held):
                seen.add(found.id)
            self.progress(f"reading {name} again", len(seen), len(known))
        done = Rebuilt(
            table=bronze.table.name,
            version=bronze.version,
            dry_run=not self.writes,
            exports=len(seen),
            kept=sorted(known - seen),
            changes=self.changes,
        )
        foreign = {batch_id: why_not for batch_id, why_not in self.foreign.items() if batch_id not in seen}
        if drop_foreign:
            self._drop(foreign)
            done.kept = [batch_id for batch_id in done.kept if batch_id not in foreign]
            done.dropped = sorted(foreign)
        else:
            done.foreign = foreign
        if self.rebuilt or done.dropped:
            drop = " --drop-lost" if done.dropped else ""
            done.next_steps = [f'`medallion rebuild {self.judged}{drop} --why "{bronze.table.name} was rebuilt"`']
        elif foreign:
            again = f'`medallion rebuild {bronze.table.name} --drop-foreign --why "{REASON}"`'
            done.next_steps = [f"{again} takes out what is of another source"]
        if self.writes:
            dropped = {DROPPED_EXPORTS_NOTE: done.dropped} if done.dropped else {}
            notes = {REBUILT_NOTE: {"why": why}, **rebuilt_notes(self.rebuilt), **dropped}
            done.version = self._commit(notes)
        return done

    def _commit(self, notes: Mapping[str, object]) -> int:
        """Commit what was written; batches that others load meanwhile are no hindrance, their files are left alone."""
        commit = partial(Snapshot.commit, add=self.written, remove=self.removed, metadata=notes)
        return commit_while(self.bronze, commit, self._still_fits)

    def _still_fits(self, bronze: Snapshot) -> bool:
        """Whether what is to go is still there, and nobody else has put back what was lost (rule B5)."""
        return set(bronze.files["path"]).issuperset(self.removed) and self.put_back.isdisjoint(loaded_ids(bronze))

    def _found(self, place: ObjectStore, known: set[str]) -> Iterator[Found]:
        batches = self.source.find(place, Search(held=known)).batches
        return (found for found in batches if found.id in known and found.is_complete)

    def _compare(self, place: ObjectStore, found: Found, *, is_held: bool) -> bool:
        """Whether the batch could be read whole; what differs is written."""
        try:
            delivery = self.source.read(place, found, owner=self.owner)
            if is_held and self._is_same(place, delivery):
                return True
            written = write_batch(self.source, place, self.bronze, delivery, self.now) if self.writes else []
        except BatchRefusedError as refused:
            if is_held and refused.verdict == WRONG_TABLE:
                self.foreign[found.id] = str(refused)
            return False
        batch = counted(delivery.batch, written) if self.writes else delivery.batch
        files = batch_files(self.bronze, batch.id)
        before = int(files["num_records"].sum()) if is_held else 0
        self._count(batch, before)
        if self.writes:
            self.written += written_or_empty(self.bronze, batch, written)
            self.removed += files["path"].to_list() if is_held else []
        if not is_held:
            self.put_back.add(batch.id)
        self.rebuilt.append(batch)
        return True

    def _drop(self, batch_ids: Iterable[str]) -> None:
        for batch_id in batch_ids:
            files = batch_files(self.bronze, batch_id)
            self.removed += files["path"].to_list() if self.writes else []
            self.changes.gone += 1
            lines = {"lines": int(files["num_records"].sum())}
            self.changes.examples.append(Example(change="gone", key={BATCH_ID: batch_id}, before=lines))

    def _is_same(self, place: ObjectStore, delivery: Delivery) -> bool:
        """Whether Bronze holds exactly the lines of the batch, in files that are as they were written."""
        batch_id = delivery.batch.id
        if self.damaged.intersection(batch_files(self.bronze, batch_id)["path"]):
            return False
        try:
            held = self._held(batch_id)
        except READING_ERRORS:
            held = {}
        return held == self._read(place, delivery)

    def _held(self, batch_id: str) -> dict[str, Digest]:
        rows = self.bronze.scan(paths=batch_files(self.bronze, batch_id)["path"])
        return _by_file(_digests(rows))

    def _read(self, place: ObjectStore, delivery: Delivery) -> dict[str, Digest]:
        """The digest of each data file's lines; a file without any has none."""
        with closing(self.source.lines(place, delivery)) as frames:
            parts = list(map(_digests, frames))
        every = pl.concat(parts) if parts else pl.DataFrame(schema=[SOURCE_FILE, "lines", "digest"])
        return _by_file(every.group_by(SOURCE_FILE).agg(pl.col("lines").sum(), pl.col("digest").sum()))

    def _count(self, batch: Batch, before: int) -> None:
        change = "changed" if before else "added"
        if before:
            self.changes.changed += 1
        else:
            self.changes.added += 1
        lines: dict[str, Any] = {"lines": batch.records}
        example = Example(change=change, key={BATCH_ID: batch.id}, before={"lines": before}, after=lines)
        self.changes.examples.append(example)


def _digest() -> Iterable[pl.Expr]:
    return pl.len().alias("lines"), pl.struct(LINE_NUMBER, RAW).hash().sum().alias("digest")


def _digests(lines: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    return lines.lazy().group_by(SOURCE_FILE).agg(*_digest()).collect(engine="streaming")


def _by_file(digests: pl.DataFrame) -> dict[str, Digest]:
    return {name: (lines, digest) for name, lines, digest in digests.iter_rows()}

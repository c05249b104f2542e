"""Write: the lines of a batch become files of its Bronze table, which nobody sees before a commit.

Belongs here: which files of a batch are read by which process.
Does not: reading and verifying them (a source), the columns beside a line and the commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.source import Delivery, Source
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.aside import Place
from medallion_assets.engines.blocks import in_turns
from medallion_assets.errors import PermanentError
from medallion_assets.refining.bronze import write_lines
from medallion_assets.storage.options import StorageOptions
from medallion_assets.storage.stores import open_store, url_of


def write_batch(
    source: Source,
    place: ObjectStore,
    bronze: Snapshot,
    delivery: Delivery,
    now: datetime,
    *,
    refused_as: str | None = None,
) -> list[WrittenFile]:
    """Read the lines of a batch and write them; nothing of them is in before a commit.

    Raises:
        BatchRefusedError: some of it is not as it should be.
        PermanentError: the file that was written has another number of lines than were read.
    """
    writing = _Writing(source=source, folder=bronze.folder, batch=delivery.batch, now=now, refused_as=refused_as)
    engine = bronze.lakehouse.engine
    parts = source.parts(delivery, engine.bounds.delivery_rows)
    if len(parts) == 1:
        return writing.write(place, delivery)
    where = Place(url_of(place), StorageOptions(bronze.lakehouse.storage_options))
    items = [_Part(writing, where, part) for part in parts]
    return list(chain.from_iterable(engine.map_items(_write_part, items, are_large=True)))


def counted(batch: Batch, written: Sequence[WrittenFile]) -> Batch:
    """A batch with as many records as were read of it: not every source knows them before."""
    return replace(batch, records=sum(file.rows for file in written))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    """Writing files of one batch, in any process."""

    source: Source
    folder: TableFolder
    batch: Batch
    now: datetime
    refused_as: str | None

    def write(self, place: ObjectStore, delivery: Delivery) -> list[WrittenFile]:
        """Some files of the batch, in this process."""
        with closing(self.source.lines(place, delivery, refused_as=self.refused_as)) as frames:
            return list(in_turns(self._write_frame, frames, at_once=1))  # while the next frame is read

    def _write_frame(self, lines: pl.DataFrame) -> WrittenFile:
        written = write_lines(self.folder, self.batch, lines, now=self.now)
        if written.rows != lines.height:
            raise PermanentError(
                f"not all of {self.source.batch_word} {self.batch.id} was written",
                where=self.folder.table.name,
                expected=f"{lines.height:,} lines in {written.path}, as many as were read",
                found=f"{written.rows:,}",
                do=f"report this as a bug, with the {self.source.batch_word}: nothing of it was loaded",
                export_id=self.batch.id,
            )
        return written


@dataclass(frozen=True, slots=True)
class _Part:
    """Some files of a batch, for a process that opens their place itself."""

    writing: _Writing
    place: Place
    delivery: Delivery


def _write_part(part: _Part) -> list[WrittenFile]:
    return part.writing.write(open_store(part.place.url, part.place.storage_options), part.delivery)

"""Files in a bucket of the S3 server, and a sensor that looks at them tick by tick, its requests counted.

Belongs here: putting, replacing and removing files of which a sensor sees the names alone, and settling them.
Does not: expectations of any kind.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.declared import Loaded
from medallion_assets.contracts.search import Search
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.refining.bronze import LEDGER_BOUNDS, bronze_table, loaded_ids
from medallion_assets.sources.files.files import Files
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.orchestration.sensors.exports_in_bucket import Place
from medallion_assets_tests.pipeline import declared
from medallion_assets_tests.refining.test_files import PRICES

START = datetime(2025, 1, 1, tzinfo=UTC)
FILES = Files(pattern="**/*", kind=BatchKind.CHANGES, sequence="at")


def written(batch: str) -> WrittenFile:
    """A batch's file as Bronze's log has it; nobody reads it here."""
    facts, day = (batch, BatchKind.CHANGES.value, START, START), str(START.date())
    bounds = {name: (fact, fact) for name, fact in zip(LEDGER_BOUNDS, facts, strict=True)}
    path = f"_export_date={day}/{hashlib.sha256(batch.encode()).hexdigest()}.parquet"
    return WrittenFile(path=path, size=1_000, rows=10, partition=day, bounds=bounds)


@dataclass
class FilePlace(Place):
    """Files below one table's place."""

    loaded: Loaded = field(default_factory=lambda: declared(PRICES, source=FILES))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.folder = self.server.objects / self.bucket / "raw" / self.loaded.table.short_name
        self.folder.mkdir(parents=True)
        self.moments = count(1)

    def put(self, key: str, text: str = "", *, moment: int | None = None) -> None:
        """A file as it is now, each modified a second after the one before, or at a `moment`."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        at = (START + timedelta(seconds=next(self.moments) if moment is None else moment)).timestamp()
        os.utime(path, (at, at))

    def remove(self, key: str) -> None:
        (self.folder / key).unlink()

    def unsettled(self) -> set[str]:
        """The ids of the files that lie there and are not in, as a run sees them."""
        bronze = self.lakehouse.find(bronze_table(self.loaded.table.short_name))
        known = loaded_ids(bronze) if bronze else set[str]()
        store = open_store(f"{self.raw_url}/{self.loaded.table.short_name}", self.server.environment)
        return {found.id for found in self.loaded.source.find(store, Search(known=known)).batches}

    def load(self) -> None:
        """What a run does to a sensor: all that lies there is in."""
        self.settled = sorted(self.unsettled())
        if self.settled:
            self.settle()

    def keys(self, asked: Iterable[str]) -> list[str]:
        """The files of batches."""
        return [batch.rpartition("@")[0] for batch in asked]

    def written(self, export: str) -> WrittenFile:
        """Of a file, too, Bronze knows no more than that it is in."""
        return written(export)

"""Exports in a bucket of the S3 server, and a sensor that looks at them tick by tick, its requests counted.

Belongs here: planting exports of which a sensor sees the names alone, and settling them.
Does not: expectations of any kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.declared import Loaded
from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.table import Lakehouse
from medallion_assets.orchestration.sensors.arrival import KnownBatches, look
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.bronze import LEDGER_BOUNDS, bronze_table
from medallion_assets.sources.dynamodb_export.manifest import ROOT, STARTED_NAME, SUMMARY_NAME
from medallion_assets.storage.bucket import PAGE_KEYS
from medallion_assets.triggers.file_arrival import ArrivalCursor, evaluate
from medallion_assets.triggers.look_limits import LIMITS, LookLimits
from medallion_assets_tests.pipeline import CATALOG, declared
from medallion_assets_tests.services.s3 import S3Server

TABLE = CUSTOMER_TRANSACTIONS.short_name
FIRST = date(2025, 1, 1)
FILES = (STARTED_NAME, "manifest-files.json", "manifest-files.md5", SUMMARY_NAME, "manifest-summary.md5")
KEYS = len(FILES) + 1


def export_id(day: int, number: int) -> str:
    """The export that began `number` minutes after midnight."""
    began = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day, minutes=number)
    return f"0{int(began.timestamp() * 1000)}-{number:08x}"


def of_day(day: int) -> str:
    return f"{FIRST + timedelta(days=day)}/"


def written(export: str) -> WrittenFile:
    """The file of one export as Bronze's log has it; nobody reads it here."""
    begin = datetime.fromtimestamp(int(export[1:11]), UTC)
    facts = (export, BatchKind.CHANGES.value, begin, begin + timedelta(minutes=1))
    bounds = {name: (fact, fact) for name, fact in zip(LEDGER_BOUNDS, facts, strict=True)}
    day = str(begin.date())
    return WrittenFile(path=f"_export_date={day}/{export}.parquet", size=1_000, rows=10, partition=day, bounds=bounds)


@dataclass
class Place:
    """Exports in a bucket, of which Bronze knows those that are settled; and a sensor, tick by tick.

    A request lists `page_keys` objects.
    """

    server: S3Server
    home: Path
    bucket: str = ""
    settled: list[str] = field(default_factory=list)
    cursor: ArrivalCursor = field(default_factory=ArrivalCursor)
    text: str = ""
    limits: LookLimits = LIMITS
    page_keys: int = PAGE_KEYS
    seconds: float = 0
    requests: int = 0
    loaded: Loaded = field(default_factory=lambda: declared(CUSTOMER_TRANSACTIONS))

    def __post_init__(self) -> None:
        self.bucket = self.server.make_bucket()
        self.lakehouse = Lakehouse(catalog=CATALOG, url=str(self.home), storage_options=self.server.environment)

    def land(self, export: str, prefix: str, *, settled: bool = False, files: tuple[str, ...] = FILES) -> None:
        """The files of an export, empty: a sensor does not read them; a data file in the folder that exports share."""
        root = self.server.objects / self.bucket / "raw" / TABLE / prefix / ROOT
        (root / export).mkdir(parents=True, exist_ok=True)
        for name in files:
            (root / export / name).touch()
        if files == FILES:
            (root / "data").mkdir(exist_ok=True)
            (root / "data" / f"{export}.json.gz").touch()
        if settled:
            self.settled.append(export)

    def settle(self) -> None:
        """Bronze has them; their rows are nothing to a sensor."""
        bronze = bronze_table(self.loaded.table.short_name)
        self.lakehouse.ready(bronze).commit([self.written(export) for export in self.settled])
        self.settled = []

    def written(self, export: str) -> WrittenFile:
        """What Bronze's log has of an export."""
        return written(export)

    def tick(self, after_seconds: float = 5) -> list[str]:
        """The exports that a run is asked for, or would be, after some time; `requests` is how many it listed with.

        The cursor is kept as a text between two ticks.
        """
        self.seconds += after_seconds
        now = datetime(2026, 1, 4, tzinfo=UTC) + timedelta(seconds=self.seconds)
        cursor = from_json_or_none(ArrivalCursor, self.text) or ArrivalCursor()
        known = KnownBatches(self.lakehouse, self.loaded)
        with self.server.counted() as requests, pytest.MonkeyPatch.context() as patched:
            patched.setattr("medallion_assets.storage.bucket.PAGE_KEYS", self.page_keys)
            arrivals = look(known, self.raw_url, cursor, now, self.limits)
            decided = evaluate(now, cursor, arrivals, AT_ONCE)
        self.cursor, self.requests = decided.cursor, requests["LISTV2"] + requests["LIST"]
        self.text = to_json(self.cursor)
        return [found.id for found in decided.wanted]

    @property
    def raw_url(self) -> str:
        return f"s3://{self.bucket}/raw"


def planted(place: Place, prefixes: Iterable[str], *, each: int, files: tuple[str, ...] = FILES) -> Place:
    """The prefixes, below each of which lie some exports that are settled, in the order of their ids."""
    for day, prefix in enumerate(prefixes):
        for number in range(each):
            place.land(export_id(day, number), prefix, settled=True, files=files)
    place.settle()
    return place

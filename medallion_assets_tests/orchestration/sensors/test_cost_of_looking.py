"""What a look at arrivals costs: requests to list, as the S3 server counts them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.delta.data_files import StagedFile
from medallion_assets.delta.table import Lakehouse
from medallion_assets.orchestration.sensors.arrival import Known, look
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.bronze import LEDGER_BOUNDS, bronze_table
from medallion_assets.sources.dynamodb_export.manifest import ROOT, STARTED_NAME, SUMMARY_NAME
from medallion_assets.triggers.file_arrival import FULL_LISTING_SECONDS, Cursor, decide
from medallion_assets.triggers.prefixes import KNOWN
from medallion_assets_tests.pipeline import CATALOG, declared
from medallion_assets_tests.services.s3 import S3Server

TABLE = CUSTOMER_TRANSACTIONS.short_name
BRONZE = bronze_table(TABLE)
FIRST = date(2025, 1, 1)
FILES = (STARTED_NAME, "manifest-files.json", "manifest-files.md5", SUMMARY_NAME, "manifest-summary.md5")
KEYS = len(FILES) + 1


def export_id(day: int, number: int) -> str:
    """The export that began `number` minutes after midnight."""
    began = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day, minutes=number)
    return f"0{int(began.timestamp() * 1000)}-{number:08x}"


def of_day(day: int) -> str:
    return f"{FIRST + timedelta(days=day)}/"


def staged(export: str) -> StagedFile:
    """The file of one export as Bronze's log has it; nobody reads it here."""
    begin = datetime.fromtimestamp(int(export[1:11]), UTC)
    facts = (export, BatchKind.CHANGES.value, begin, begin + timedelta(minutes=1))
    bounds = {name: (fact, fact) for name, fact in zip(LEDGER_BOUNDS, facts, strict=True)}
    day = str(begin.date())
    return StagedFile(path=f"_export_date={day}/{export}.parquet", size=1_000, rows=10, partition=day, bounds=bounds)


@dataclass
class Place:
    """Exports in a bucket, of which Bronze knows those that are settled; and a sensor, tick by tick."""

    server: S3Server
    home: Path
    bucket: str = ""
    settled: list[str] = field(default_factory=list)
    cursor: Cursor = field(default_factory=Cursor)
    seconds: float = 0
    requests: int = 0

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
        self.lakehouse.ready(BRONZE).commit([staged(export) for export in self.settled])
        self.settled = []

    def tick(self, after_seconds: float = 5) -> list[str]:
        """The exports that a run is asked for, or would be, after some time; `requests` is how many it listed with."""
        self.seconds += after_seconds
        now = datetime(2026, 1, 4, tzinfo=UTC) + timedelta(seconds=self.seconds)
        known = Known(self.lakehouse, declared(CUSTOMER_TRANSACTIONS))
        with self.server.counted() as requests:
            decided = decide(now, self.cursor, look(known, f"s3://{self.bucket}/raw", self.cursor, now), AT_ONCE)
        self.cursor, self.requests = decided.cursor, requests["LISTV2"] + requests["LIST"]
        return [found.id for found in decided.wanted]


@pytest.fixture
def place(s3_server: S3Server, tmp_path: Path) -> Place:
    return Place(s3_server, tmp_path)


def planted(place: Place, prefixes: Iterable[str], *, each: int, files: tuple[str, ...] = FILES) -> Place:
    """The prefixes, below each of which lie some exports that are settled, in the order of their ids."""
    for day, prefix in enumerate(prefixes):
        for number in range(each):
            place.land(export_id(day, number), prefix, settled=True, files=files)
    place.settle()
    return place


def test_prefixes_of_days_cost_three_requests_whatever_lies_there(place: Place) -> None:
    days, each = 365, 2
    planted(place, map(of_day, range(days)), each=each)
    assert place.tick() == []
    assert place.requests <= 1 + days * each * KEYS / 1000
    for _ in range(4):
        assert place.tick() == []
        assert 1 <= place.requests <= 3
    assert place.tick(FULL_LISTING_SECONDS) == []
    assert place.requests > 3


@pytest.mark.slow
def test_a_hundred_thousand_exports_cost_no_more(place: Place) -> None:
    """Of one file each: what a look at everything costs follows from their number, and what others cost does not."""
    days, each = 365, 274
    planted(place, map(of_day, range(days)), each=each, files=(SUMMARY_NAME,))
    assert place.tick() == []
    assert days * each / 1000 - 1 <= place.requests <= 1 + days * each / 1000
    today = export_id(days - 1, each)
    place.land(today, of_day(days - 1))
    for _ in range(3):
        assert place.tick() == [today]
        assert 1 <= place.requests <= 3


def test_what_arrives_today_and_on_the_next_day_is_seen_at_once(place: Place) -> None:
    days = 365
    planted(place, map(of_day, range(days)), each=2)
    place.tick()
    today = export_id(days - 1, 7)
    place.land(today, of_day(days - 1))
    assert place.tick() == [today]
    place.settled = [today]
    place.settle()
    for day in (days, days + 1):
        arrived = export_id(day, 0)
        place.land(arrived, of_day(day))
        assert place.tick() == [arrived]
        place.settled = [arrived]
        place.settle()
        assert place.tick() == []
        assert place.requests <= 3


def test_an_export_below_an_older_prefix_is_seen_when_its_turn_comes_and_then_at_every_look(place: Place) -> None:
    """Its manifests land one by one: whoever waits for more has to see it at each look."""
    days = 365
    planted(place, map(of_day, range(days)), each=2)
    place.tick()
    late = export_id(days, 0)
    place.land(late, of_day(days - KNOWN), files=(STARTED_NAME,))
    for _ in range(2 * KNOWN):
        assert place.tick() == []
        assert place.requests <= 3
    assert place.cursor.prefixes.held == {of_day(days - KNOWN)}
    place.land(late, of_day(days - KNOWN))
    assert place.tick() == [late]


def test_a_copy_with_an_old_id_is_found_by_the_next_look_at_everything(place: Place) -> None:
    planted(place, map(of_day, range(365)), each=2)
    place.tick()
    copied = export_id(3, 8)
    place.land(copied, of_day(3))
    assert place.tick() == []
    assert place.tick(FULL_LISTING_SECONDS) == [copied]
    assert place.tick() == [copied]  # the position was taken back, and its prefix is looked below


def test_each_of_three_prefixes_is_seen_at_every_second_look(place: Place) -> None:
    """The one that comes last is looked below at every look, though the newest export lies below another."""
    prefixes = ("daily/", "hourly/", "weekly/")
    planted(place, [prefixes[day % 3] for day in range(99)], each=8)
    place.tick()
    for day, prefix in enumerate(prefixes, 99):
        arrived = export_id(day, 0)
        place.land(arrived, prefix)
        assert arrived in {*place.tick(), *place.tick()}
        assert place.requests <= 3
        place.settled = [arrived]
        place.settle()


def test_a_small_place_is_looked_through_as_a_whole(place: Place) -> None:
    planted(place, map(of_day, range(20)), each=4)
    place.tick()
    arrived = export_id(20, 0)
    place.land(arrived, "0/below/another/")
    assert place.tick() == [arrived]
    assert place.requests <= 3

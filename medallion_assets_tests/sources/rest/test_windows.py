"""Windows of an API read from where they were kept, without the API."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import obstore
import polars as pl
import pytest
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.declared import Loaded
from medallion_assets.contracts.search import Search
from medallion_assets.contracts.source import BatchRefusedError, Source
from medallion_assets.contracts.table import Column, Date, Money, Table, Text, TimestampUtc
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.judging.checked_contracts import checked
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.sources.rest.endpoint import ByNumber, Endpoint
from medallion_assets.sources.rest.fetch import fetch_windows
from medallion_assets.sources.rest.landing import LandedPage, Window, page_key, write_summary
from medallion_assets.sources.rest.requests import Requests
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.sources.rest.api import serving

NOW = datetime(2025, 6, 1, tzinfo=UTC)
START = datetime(2025, 3, 1, tzinfo=UTC)
FIRST = Window(START, START + timedelta(days=1))
ORDERS = Table(
    name="silver.orders",
    description="orders",
    key=("order_id",),
    partition_by="order_date",
    columns=(
        Column("order_id", Text(trim=False), "key", source="id"),
        Column("placed_at", TimestampUtc(), "when", source="placed_at"),
        Column("order_date", Date(), "day", business_date_of="placed_at"),
        Column("total", Money, "total", source="total"),
    ),
)
ENDPOINT = Endpoint(
    url="http://127.0.0.1:1/orders",
    records="data",
    pages=ByNumber(),
    from_parameter="since",
    to_parameter="until",
    starts_at=START,
)
SOURCE: Source = RestWindows(endpoint=ENDPOINT, sequence="updated_at", delete_flag="gone")


@pytest.fixture
def place(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path))


def keep(place: ObjectStore, *bodies: str, counts: bool = True, window: Window = FIRST) -> list[LandedPage]:
    """The pages of a window, with a summary or without; each has one list."""
    pages = []
    for number, body in enumerate(bodies, 1):
        digest = hashlib.sha256(body.encode()).hexdigest()
        records = body.count('{"id": ')
        pages.append(LandedPage(key=page_key(window, number, digest), sha256=digest, records=records))
        write_bytes(place, pages[-1].key, body.encode())
    if counts:
        write_summary(place, window, pages)
    return pages


def lines(place: ObjectStore) -> pl.DataFrame:
    (found,) = SOURCE.find(place).batches
    return pl.concat(SOURCE.lines(place, SOURCE.read(place, found)))


def test_a_window_with_a_summary_is_a_batch_of_changes(place: ObjectStore) -> None:
    keep(place, '{"data": [{"id": "a"}]}', '{"data": []}', '{"data": [{"id": "b"}, {"id": "c"}]}')
    write_bytes(place, "readme.txt", b"")
    listing = SOURCE.find(place)
    assert (listing.foreign, [found.id for found in listing.batches]) == (1, [FIRST.name])
    assert listing.batches[0].reaches_until == FIRST.end
    batch = SOURCE.read(place, listing.batches[0]).batch
    assert (batch.kind, batch.covers_from, batch.covers_to, batch.records) == (
        BatchKind.CHANGES,
        FIRST.begin,
        FIRST.end,
        3,
    )
    assert lines(place)["_line_number"].to_list() == [1, 1, 2]
    assert SOURCE.find(place, Search(known={FIRST.name})).batches == []
    assert SOURCE.find(place, Search(after=FIRST.name)).batches == []


def test_a_window_without_a_summary_is_not_there(place: ObjectStore) -> None:
    keep(place, '{"data": [{"id": "a"}]}', counts=False)
    assert SOURCE.find(place).batches == []
    assert SOURCE.find(place).foreign == 0


def test_values_are_texts_with_all_their_digits(place: ObjectStore) -> None:
    values = '"total": 1.10, "updated_at": "2025-03-01T10:00:00Z", "gone": false, "x": {"y": [1]}, "z": null'
    keep(place, f'{{"data": [{{"id": "a", {values}}}, {{"id": "b", "gone": true}}]}}')
    found = lines(place)
    rows = SOURCE.reader(ORDERS).read(found.with_columns(pl.lit(BatchKind.CHANGES.value).alias("_export_type")))
    assert rows["total"].to_list() == ["1.10", None]
    assert rows["_sequence"].to_list() == ["2025-03-01T10:00:00Z", None]
    assert rows["_is_delete"].to_list() == [False, True]
    assert rows["_unknown_attributes"].to_list() == [["x"], []]


@pytest.mark.parametrize("change", [lambda body: body[:-1], lambda _: b"", lambda body: body.replace(b"a", b"b")])
def test_a_page_that_is_not_as_it_was_fetched_is_refused(place: ObjectStore, change: Any) -> None:
    body = '{"data": [{"id": "a"}]}'
    (page,) = keep(place, body)
    write_bytes(place, page.key, change(body.encode()))
    with pytest.raises(BatchRefusedError, match="broken_page"):
        lines(place)


@pytest.mark.parametrize("damage", [b"", b"damaged", None], ids=["empty", "other bytes", "gone"])
def test_a_page_that_is_restored_mends_its_window(tmp_path: Path, damage: bytes | None) -> None:
    """B2: the listing does not show it."""
    raw_url, lakehouse = str(tmp_path / "raw"), Lakehouse(url=str(tmp_path / "lakehouse"))
    place, body = open_store(f"{raw_url}/orders"), '{"data": [{"id": "a"}]}'
    (page,) = keep(place, body)
    if damage is None:
        obstore.delete(place, page.key)
    else:
        write_bytes(place, page.key, damage)
    loaded = Loaded(table=checked(ORDERS), source=SOURCE)
    assert [refused.verdict for refused in ingest(lakehouse, raw_url, loaded, now=NOW).refused] == ["broken_page"]
    write_bytes(place, page.key, body.encode())
    assert [batch.id for batch in ingest(lakehouse, raw_url, loaded, now=NOW).loaded] == [FIRST.name]


def test_a_damaged_summary_is_refused(place: ObjectStore) -> None:
    keep(place, '{"data": []}')
    write_bytes(place, f"{FIRST.folder}/summary.json", b"{}")
    with pytest.raises(BatchRefusedError, match="broken_summary"):
        lines(place)


def test_windows_come_through_bronze_into_silver(tmp_path: Path) -> None:
    """F2, F4, F5, R2: from an API into a table; a later window corrects and deletes, and the API is not asked again."""
    first: list[dict[str, Any]] = [
        {"id": "a", "placed_at": "2025-03-01T09:00:00Z", "total": 1.10, "updated_at": "2025-03-01T10:00:00Z"},
        {"id": "b", "placed_at": "2025-03-01T09:00:00Z", "total": 2, "updated_at": "2025-03-01T10:00:00Z"},
        {"id": "c", "placed_at": "2025-03-01T09:00:00Z", "total": "dear", "updated_at": "2025-03-01T10:00:00Z"},
    ]
    second = [{**first[0], "total": 3}, {"id": "b", "updated_at": "2025-03-02T10:00:00Z", "gone": True}]

    def answer(parameters: dict[str, str]) -> dict[str, object]:
        records = first if parameters["since"].startswith("2025-03-01") else second
        return {"data": records if parameters["page"] == "1" else []}

    raw_url, lakehouse = str(tmp_path / "raw"), Lakehouse(url=str(tmp_path / "lakehouse"))
    with serving(answer) as api, httpx.Client() as client:
        asked = replace(ENDPOINT, url=api.url)
        requests = Requests(endpoint=asked, client=client, headers={})
        until = START + timedelta(days=1, hours=12)
        windows = [fetched.window for fetched in fetch_windows(requests, open_store(f"{raw_url}/orders"), until)]
    loaded = Loaded(
        table=checked(ORDERS), source=RestWindows(endpoint=asked, sequence="updated_at", delete_flag="gone")
    )
    assert [batch.id for batch in ingest(lakehouse, raw_url, loaded, now=NOW).loaded] == [w.name for w in windows]
    assert refine(lakehouse, loaded, now=NOW).gaps == []
    rows = lakehouse.open(ORDERS).scan().sort("order_id").collect()
    assert rows.select("order_id", "total", "is_deleted").rows() == [("a", Decimal(3), False), ("b", None, True)]
    bad = lakehouse.open(quarantine_table(ORDERS)).scan().collect()
    assert bad["reasons"].to_list() == [["not_a_number"]]

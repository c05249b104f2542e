"""Windows of an API in a bucket: landed once and loaded, wherever a fetch ends before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from medallion_assets.contracts.declared import Loaded
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TransientError
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.sources.rest import fetch
from medallion_assets.sources.rest.endpoint import ByCursor
from medallion_assets.sources.rest.landing import landed_in, write_summary
from medallion_assets.sources.rest.requests import ATTEMPTS
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.services.s3 import S3Server
from medallion_assets_tests.sources.rest.api import Api, Failure, serving
from medallion_assets_tests.sources.rest.test_fetch import FIRST, START, endpoint, fetched
from medallion_assets_tests.sources.rest.test_windows import NOW, ORDERS


def answer(asked: dict[str, str]) -> dict[str, Any]:
    record = {"id": asked.get("cursor", "one"), "placed_at": "2025-03-01T09:00:00Z", "total": 1.10}
    record["updated_at"] = "2025-03-01T10:00:00Z"
    return {"data": [record], "next": None if "cursor" in asked else "two"}


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(answer) as running:
        yield running


def between_pages(api: Api, _: pytest.MonkeyPatch) -> None:
    api.failures = [None, *[Failure(status=503)] * ATTEMPTS]


def before_the_summary(_: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(*_: Any) -> bool:
        raise TransientError("the process ended")

    monkeypatch.setattr(fetch, "write_summary", ending)


def after_the_summary(_: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(*given: Any) -> bool:
        write_summary(*given)
        raise TransientError("the process ended")

    monkeypatch.setattr(fetch, "write_summary", ending)


@pytest.mark.parametrize("ends", first_quick(between_pages, before_the_summary, after_the_summary))
def test_a_fetch_that_ended_is_finished_by_the_next(
    s3_server: S3Server,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    ends: Callable[[Api, pytest.MonkeyPatch], None],
) -> None:
    """F1: the window has the ends of the first attempt, and each of its records is there once."""
    bucket, options = s3_server.make_bucket(), s3_server.environment
    raw_url = f"s3://{bucket}/raw"
    place = open_store(f"{raw_url}/orders", options)
    asked = endpoint(api, pages=ByCursor(parameter="cursor", path="next"))
    loaded = Loaded(table=ORDERS, source=RestWindows(endpoint=asked, sequence="updated_at"))
    lakehouse = Lakehouse(url=f"s3://{bucket}/lake", storage_options=options)
    with monkeypatch.context() as ended:
        ends(api, ended)
        with pytest.raises(TransientError):
            fetched(asked, place)
    fetched(asked, place, FIRST.end + timedelta(hours=1))
    windows = landed_in(place).counting
    assert {(window.begin, window.end) for window in windows} == {
        (START, FIRST.end),
        (FIRST.end, FIRST.end + timedelta(hours=1)),
    }
    assert len(ingest(lakehouse, raw_url, loaded, now=NOW).loaded) == 2
    assert lakehouse.open(bronze_table("orders")).row_count == 4
    assert refine(lakehouse, loaded, now=NOW).failing is None
    assert sorted(lakehouse.open(ORDERS).scan().collect()["order_id"]) == ["one", "two"]
    assert ingest(lakehouse, raw_url, loaded, now=NOW).loaded == []
    assert fetched(asked, place, FIRST.end + timedelta(hours=1)) == []

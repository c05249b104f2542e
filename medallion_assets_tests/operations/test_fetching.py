"""Fetching for a table: into its raw place, with the secrets of the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.declared import Loaded
from medallion_assets.contracts.fetching import Fetched
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.errors import PermanentError, SettingsError
from medallion_assets.operations.fetching import fetch
from medallion_assets.orchestration.assets.fetched import fetch_lines
from medallion_assets.sources.files.files import Files
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.pipeline import CUSTOMERS, declared
from medallion_assets_tests.sources.rest.api import serving
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT, FIRST, ORDERS, START


def test_windows_of_a_table_lie_in_its_raw_place(tmp_path: Path) -> None:
    now = START + timedelta(days=1) + ENDPOINT.lag
    with serving(lambda _: {"data": []}) as api:
        asked = replace(ENDPOINT, url=api.url, secrets={"X-Key": "SHOP_KEY"})
        source = RestWindows(endpoint=asked, sequence="updated_at")
        loaded = Loaded(table=ORDERS, source=source)
        with pytest.raises(SettingsError, match="SHOP_KEY"):
            list(fetch(loaded, str(tmp_path), {}, {}, now))
        assert not (tmp_path / "orders").exists()
        fetched = fetch(loaded, str(tmp_path), {}, {"SHOP_KEY": "k"}, now)
        assert [found.id for found in fetched] == [FIRST.name]
        assert api.headers[0]["X-Key"] == "k"
    assert [found.id for found in source.find(open_store(f"{tmp_path}/orders")).batches] == [FIRST.name]


def test_a_table_that_comes_from_no_api_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="is not loaded from an API"):
        list(fetch(declared(CUSTOMERS), str(tmp_path), {}, {}, START))


class Mailbox(Files):
    """Files that somebody's own code brings."""

    fetched_at = ("0 6 * * *",)

    def fetch(
        self,
        place: Callable[[], ObjectStore],
        environment: Mapping[str, str],
        now: datetime,
        report: Callable[[str], object],
    ) -> Iterator[Fetched]:
        report("the mailbox was busy")
        write_bytes(place(), "orders-2025-03-01.csv", environment["MAIL"].encode())
        yield Fetched(id="orders-2025-03-01", reaches_until=now, pages=1, records=1, bytes=3)


def test_a_source_of_ones_own_may_fetch(tmp_path: Path) -> None:
    """It has a job, a schedule and `medallion fetch` as an API has."""
    source, said = Mailbox(pattern="orders-*.csv", kind=BatchKind.FULL, sequence=None), list[str]()
    loaded = Loaded(table=ORDERS, source=source)
    assert fetch_lines(Pipeline(name="shop", loaded=(loaded,))) == {"shop_fetch_orders": ("0 6 * * *",)}
    (found,) = fetch(loaded, str(tmp_path), {}, {"MAIL": "id\n1"}, START, report=said.append)
    assert (found.id, found.reaches_until, said) == ("orders-2025-03-01", START, ["the mailbox was busy"])
    assert (tmp_path / "orders" / "orders-2025-03-01.csv").read_text() == "id\n1"

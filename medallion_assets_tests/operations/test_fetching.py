"""Fetching for a table: into its raw place, with the secrets of the environment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.declared import Loaded
from medallion_assets.errors import PermanentError, SettingsError
from medallion_assets.operations.fetching import fetch
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store
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
        fetched = fetch(loaded, str(tmp_path), {}, {"SHOP_KEY": "k"}, now)
        assert [found.window for found in fetched] == [FIRST]
        assert api.headers[0]["X-Key"] == "k"
    assert [found.id for found in source.find(open_store(f"{tmp_path}/orders")).batches] == [FIRST.name]


def test_a_table_that_comes_from_no_api_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="is not loaded from an API"):
        list(fetch(declared(CUSTOMERS), str(tmp_path), {}, {}, START))

"""A pipeline whose orders come from an API, for processes that name it in MEDALLION_PIPELINES and for graphs.

Belongs here: the declaration. Does not: an API that answers (api.py); nobody does at the address that it has here.
"""

from __future__ import annotations

from dataclasses import replace

from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.sources.rest.endpoint import ByNumber
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT, ORDERS

TOKEN = "SHOP_TOKEN"
"""The variable that holds the secret of the API."""


def shop_at(url: str) -> Pipeline:
    """The same, with the API at another address."""
    endpoint = replace(ENDPOINT, url=url, pages=ByNumber(is_stable=True), secrets={"Authorization": TOKEN})
    return Pipeline(
        name="shop", loaded=(Loaded(table=ORDERS, source=RestWindows(endpoint=endpoint, sequence="updated_at")),)
    )


SHOP = shop_at(ENDPOINT.url)
FETCHED = f"{__name__}:SHOP"

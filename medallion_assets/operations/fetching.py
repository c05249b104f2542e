"""Fetching: what an API has for a table, brought into the table's raw place.

Belongs here: putting a declaration, its secrets and its place together.
Does not: fetching itself (sources.rest.fetch), or loading what was fetched (refining.load).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import httpx

from medallion_assets.contracts.declared import Loaded
from medallion_assets.errors import PermanentError
from medallion_assets.sources.rest.fetch import fetch_windows
from medallion_assets.sources.rest.landing import Window
from medallion_assets.sources.rest.requests import TIMEOUT_SECONDS, Requests, secret_headers
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store


def fetch(
    loaded: Loaded, raw_url: str, storage_options: Mapping[str, str], environment: Mapping[str, str], now: datetime
) -> Iterator[Window]:
    """Fetch every window up to now, and give each once it counts. `environment` holds the secrets that are declared.

    Raises:
        PermanentError: the table comes from no API, a secret is not set, or the API refuses a request.
        TransientError: it did not answer; what was fetched whole stays.
    """
    source, table = loaded.source, loaded.table
    if not isinstance(source, RestWindows):
        raise PermanentError(
            f"{table.name} comes from no API",
            expected="a table whose source is RestWindows",
            found=type(source).__name__,
            do="name such a table; others are loaded from where their files lie",
        )
    headers = secret_headers(source.endpoint, environment)
    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        requests = Requests(endpoint=source.endpoint, client=client, headers=headers)
        yield from fetch_windows(requests, open_store(f"{raw_url}/{table.short_name}", storage_options), now)

"""Fetching: what an API has for a table, brought into the table's raw place.

Belongs here: putting a declaration, its secrets and its place together.
Does not: fetching itself, or loading what was fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import httpx

from medallion_assets.contracts.declared import Loaded
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.errors import PermanentError
from medallion_assets.sources.rest.fetch import Fetched, fetch_windows
from medallion_assets.sources.rest.requests import TIMEOUT_SECONDS, Requests, secret_headers
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import open_store


def fetched_tables(pipeline: Pipeline) -> list[Loaded]:
    """The tables of a pipeline that come from an API."""
    return [loaded for loaded in pipeline.loaded if is_fetched(loaded)]


def is_fetched(loaded: Loaded) -> bool:
    """Whether a table comes from an API."""
    return isinstance(loaded.source, RestWindows)


def reads(loaded: Loaded) -> RestWindows:
    """The source of a table that comes from an API.

    Raises:
        PermanentError: it comes from none.
    """
    if not isinstance(loaded.source, RestWindows):
        raise PermanentError(
            f"{loaded.table.name} is not loaded from an API",
            expected="a table whose source is RestWindows",
            found=type(loaded.source).__name__,
            do="name such a table; others are loaded from their files",
        )
    return loaded.source


def fetch(
    loaded: Loaded,
    raw_url: str,
    storage_options: Mapping[str, str],
    environment: Mapping[str, str],
    now: datetime,
    *,
    report: Callable[[str], object] = lambda _: None,
) -> Iterator[Fetched]:
    """Fetch every window up to now, and give each once it counts. `environment` holds the secrets that are declared.

    `report` is called with why, before something is asked for again.

    Raises:
        PermanentError: the table comes from no API, a secret is not set, or the API refuses a request.
        TransientError: it did not answer; what was fetched whole stays.
    """
    source, table = reads(loaded), loaded.table
    headers = secret_headers(source.endpoint, environment)
    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        requests = Requests(endpoint=source.endpoint, client=client, headers=headers, report=report)
        yield from fetch_windows(requests, open_store(f"{raw_url}/{table.short_name}", storage_options), now)

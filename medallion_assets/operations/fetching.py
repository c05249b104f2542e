"""Fetching: what an API has for a table, brought into the table's raw place.

Belongs here: putting a declaration, its secrets and its place together.
Does not: fetching itself, or loading what was fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial

from medallion_assets.contracts.declared import Loaded
from medallion_assets.contracts.fetching import Fetched, FetchingSource
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.errors import PermanentError
from medallion_assets.storage.stores import open_store


def fetched_tables(pipeline: Pipeline) -> list[Loaded]:
    """The tables of a pipeline whose source fetches its batches."""
    return [loaded for loaded in pipeline.loaded if is_fetched(loaded)]


def is_fetched(loaded: Loaded) -> bool:
    """Whether a table's source fetches its batches."""
    return isinstance(loaded.source, FetchingSource)


def fetching_source(loaded: Loaded) -> FetchingSource:
    """The source of a table that fetches its batches.

    Raises:
        PermanentError: it does not.
    """
    if not isinstance(loaded.source, FetchingSource):
        raise PermanentError(
            f"{loaded.table.name} is not loaded from an API",
            expected="a table whose source fetches, such as RestWindows",
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
    """Bring what the source has for a table up to now to its raw place; the rest is as `FetchingSource.fetch` has it.

    Raises:
        PermanentError: the source does not fetch, too.
    """
    place = partial(open_store, f"{raw_url}/{loaded.table.short_name}", storage_options)
    yield from fetching_source(loaded).fetch(place, environment, now, report)

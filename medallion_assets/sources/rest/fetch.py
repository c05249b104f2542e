"""Fetching: windows of an API, one after the other, up to now.

Belongs here: the order of the steps.
Does not: a single request (sources.rest.requests), or where its answer is kept (sources.rest.landing).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from obstore.store import ObjectStore

from medallion_assets.errors import PermanentError
from medallion_assets.sources.rest.endpoint import records_of, window_text
from medallion_assets.sources.rest.landing import (
    Page,
    Window,
    last_end,
    next_window,
    page_key,
    windows_in,
    write_summary,
)
from medallion_assets.sources.rest.requests import Requests
from medallion_assets.storage.stores import write_bytes

MOST_PAGES = 99_999


def fetch_windows(requests: Requests, place: ObjectStore, now: datetime) -> Iterator[Window]:
    """Fetch every window up to now, and give each once it counts.

    Raises:
        PermanentError: the API refuses a request, or its pages lead nowhere.
        TransientError: it did not answer; what was fetched whole stays.
    """
    begun = windows_in(place)
    reached = last_end(place, begun)
    while (window := next_window(requests.endpoint, begun, reached, now)) is not None:
        write_summary(place, window, list(_pages(requests, place, window)))
        reached = window.end
        yield window


def _pages(requests: Requests, place: ObjectStore, window: Window) -> Iterator[Page]:
    """Ask for all pages of a window, and keep each as it came."""
    endpoint = requests.endpoint
    ends = {
        endpoint.from_parameter: window_text(window.begin),
        endpoint.to_parameter: window_text(window.end),
    }
    asked: dict[str, str] | None = endpoint.first_page()
    seen: list[dict[str, str]] = []
    while asked is not None:
        if asked in seen or len(seen) >= MOST_PAGES:
            raise PermanentError(
                f"the pages of {endpoint.url} do not end",
                expected=f"at most {MOST_PAGES:,} pages, each leading to another one",
                found=f"after {len(seen):,} pages again the page {asked}",
                do="correct pages in Endpoint(...)",
            )
        seen.append(asked)
        body, answer = requests.page({**ends, **asked})
        digest = hashlib.sha256(body).hexdigest()
        page = Page(
            key=page_key(window, len(seen), digest), sha256=digest, records=len(records_of(answer, endpoint.records))
        )
        write_bytes(place, page.key, body, content_type="application/json")
        yield page
        asked = endpoint.next_page(asked, answer)

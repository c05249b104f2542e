"""Fetching: windows of an API, one after the other, up to now.

Belongs here: the order of the steps, and when a window was read whole.
Does not: a single request, or where its answer is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from obstore.store import ObjectStore

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.sources.rest.endpoint import Endpoint, records_of, window_text
from medallion_assets.sources.rest.landing import (
    LandedPage,
    Window,
    claim_window,
    landed_in,
    next_window,
    page_key,
    write_summary,
)
from medallion_assets.sources.rest.paging import PageAnswer, PageRequest
from medallion_assets.sources.rest.requests import Requests
from medallion_assets.storage.stores import write_bytes

MOST_PAGES = 99_999
MOST_READINGS = 5
DATE_IS_CUT_TO = timedelta(seconds=1)
"""Ends of windows are whole seconds too: so one that ends now passes by a clock that is less than this ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedWindow:
    """A window that counts now, with its pages."""

    window: Window
    pages: list[LandedPage]


@dataclass(slots=True)
class _Reading:
    """All pages of a window, read once. Sums follow from its records alone, whatever their order; and by field."""

    pages: list[LandedPage]
    records: int = 0
    sum: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, page: LandedPage, records: list[dict[str, Any]]) -> None:
        self.pages.append(page)
        self.records += page.records
        for record in records:
            text = json.dumps(record, sort_keys=True)
            self.sum += int.from_bytes(hashlib.sha256(text.encode()).digest())
            self.fields.update({name: hash(json.dumps(value, sort_keys=True)) for name, value in record.items()})

    def is_like(self, other: _Reading) -> bool:
        return (self.records, self.sum) == (other.records, other.sum)

    def unlike(self, other: _Reading) -> str:
        """What differs, in words."""
        if self.records != other.records:
            return f"{self.records:,} records, and {other.records:,} a reading before"
        names = sorted(name for name in {*self.fields, *other.fields} if self.fields[name] != other.fields[name])
        return f"fields that differ: {', '.join(names)}"


def fetch_windows(requests: Requests, place: ObjectStore, now: datetime) -> Iterator[FetchedWindow]:
    """Fetch every window up to now, and give each once it counts; none that another fetcher landed meanwhile.

    Raises:
        PermanentError: the API refuses a request, its pages lead nowhere, or its records keep changing.
        TransientError: it did not answer, or its clock says that a window has not ended; what was fetched whole stays.
    """
    endpoint, landed = requests.endpoint, landed_in(place)
    while (wanted := next_window(endpoint, landed, now)) is not None:
        reached = landed.reached(endpoint.starts_at)
        window = claim_window(place, reached, wanted)
        if window.end > now - endpoint.lag:
            return  # claimed by a clock that was ahead, or with a shorter lag: more may still belong to it
        landed.claimed.add(reached)
        pages = _whole(requests, place, window).pages
        is_ours = write_summary(place, window, pages)
        landed.counting.add(window)
        if is_ours:
            yield FetchedWindow(window=window, pages=pages)
        else:
            landed = landed_in(place)  # it may be ahead


def _whole(requests: Requests, place: ObjectStore, window: Window) -> _Reading:
    """Read a window until two readings agree, unless its pages are stable.

    Raises:
        PermanentError: no two readings did; to begin anew at once would be as many requests again.
    """
    reading, differs = _read(requests, place, window), ""
    if requests.endpoint.pages.is_stable or not reading.records:
        return reading
    for _ in range(MOST_READINGS - 1):
        again = _read(requests, place, window)
        if again.is_like(reading):
            return again
        differs = again.unlike(reading)
        requests.report(f"{window.name} is read again: {differs}")
        reading = again
    raise PermanentError(
        f"the records of {requests.endpoint.url} keep changing",
        expected=f"the same records twice in {MOST_READINGS} readings of one window",
        found=f"a difference each time; in the last one, {differs}",
        do="raise lag in Endpoint(...), so that windows end before records that still change. If a field differs in "
        "every answer, such as a signed URL, request records without it; if pages never change, set is_stable=True",
    )


def _expect_past(window: Window, endpoint: Endpoint, answer: PageAnswer) -> None:
    """See that a window had ended when an answer was made: what is written later would never be asked for.

    Raises:
        TransientError: it had not. It stays begun, and is fetched once it has ended.
    """
    if answer.dated is not None and window.end - DATE_IS_CUT_TO > answer.dated:
        raise TransientError(
            f"the window {window.name} has not ended yet, as {endpoint.url} says",
            expected=f"a Date of {window.end} or later",
            found=answer.dated,
            do="set the clock of this machine (`timedatectl` shows whether it is synchronized); if the API's is slow, "
            "raise lag in Endpoint(...) for later windows. This one is fetched once it has ended by that Date, which "
            "has to be true, or missing",
        )


def _read(requests: Requests, place: ObjectStore, window: Window) -> _Reading:
    """Ask for all pages of a window once, and keep each as it came."""
    endpoint, reading, seen = requests.endpoint, _Reading([]), set[PageRequest]()
    ends = {endpoint.from_parameter: window_text(window.begin), endpoint.to_parameter: window_text(window.end)}
    asked: PageRequest | None = endpoint.pages.first_page
    while asked is not None:
        seen.add(asked)
        answer = requests.page(ends, asked)
        _expect_past(window, endpoint, answer)
        digest, records = hashlib.sha256(answer.body).hexdigest(), records_of(answer.said, endpoint.records)
        page = LandedPage(
            key=page_key(window, len(seen), digest), sha256=digest, records=len(records), bytes=len(answer.body)
        )
        write_bytes(place, page.key, answer.body, content_type="application/json")
        reading.add(page, records)
        asked = endpoint.pages.next_page(asked, answer, len(records))
        if asked in seen and not records:
            return reading  # the last page of some APIs is empty, and leads to itself
        if asked in seen or len(seen) >= MOST_PAGES:
            raise PermanentError(
                f"the pages of {endpoint.url} do not end",
                expected=f"at most {MOST_PAGES:,} pages, each leading to another one",
                found=f"after {len(seen):,} pages again the page {asked}",
                do="correct pages in Endpoint(...)",
            )
    return reading

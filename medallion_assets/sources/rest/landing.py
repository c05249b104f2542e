"""Landing: the answers of an API as they came, in the table's raw place, window by window.

Belongs here: names, summaries, and which window is next.
Does not: asking for one (sources.rest.fetch), or reading records (sources.rest.windows).

A window is `rest/<from>-<to>/`: a file for each page, named by its number and digest, and last `summary.json`, which
names them. Without a summary it does not count: it is fetched again, with the same ends. So the cursor, which is the
end of the last summary, moves only after all before it is kept, and tables are made again without the API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from obstore.store import ObjectStore

from medallion_assets.sources.rest.endpoint import Endpoint
from medallion_assets.storage.listing import list_folders
from medallion_assets.storage.stores import read_bytes, stat, write_bytes

FOLDER, SUMMARY = "rest", "summary.json"
_MOMENT = "%Y%m%dT%H%M%S%fZ"
_KEY = re.compile(r"rest/(?P<window>(?P<begin>\d{8}T\d{12}Z)-(?P<end>\d{8}T\d{12}Z))/(?P<file>[^/]+)")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """[begin, end), in UTC."""

    begin: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The id of its batch; names sort by where windows begin."""
        return f"{self.begin.astimezone(UTC).strftime(_MOMENT)}-{self.end.astimezone(UTC).strftime(_MOMENT)}"

    @property
    def folder(self) -> str:
        """Where its files lie."""
        return f"{FOLDER}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that was kept: its key, and what it has to hold."""

    key: str
    sha256: str
    records: int


def window_of(key: str) -> tuple[Window, str] | None:
    """The window that a key belongs to, and the file's name in it; None of any other object."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    begin, end = (datetime.strptime(match[name], _MOMENT).replace(tzinfo=UTC) for name in ("begin", "end"))
    return Window(begin, end), match["file"]


def page_key(window: Window, number: int, sha256: str) -> str:
    """Where a page is kept: another body has another name, so that two who fetch a window do not mix."""
    return f"{window.folder}/page-{number:05d}-{sha256[:16]}.json"


def write_summary(place: ObjectStore, window: Window, pages: Iterable[Page]) -> None:
    """Make a window count, unless another fetcher was faster."""
    key = f"{window.folder}/{SUMMARY}"
    if read_bytes(place, key) is None:
        listed = [asdict(page) for page in pages]
        write_bytes(place, key, json.dumps({"pages": listed}, indent=1).encode())


def read_summary(place: ObjectStore, window: Window) -> list[Page] | None:
    """The pages of a window; None when it has no summary.

    Raises:
        ValueError: the summary is damaged.
    """
    body = read_bytes(place, f"{window.folder}/{SUMMARY}")
    if body is None:
        return None
    try:
        return [Page(**page) for page in json.loads(body)["pages"]]
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from error


def windows_in(place: ObjectStore) -> list[Window]:
    """The windows of a place that were begun, whether they count or not."""
    folders = list_folders(place, FOLDER)
    return [found[0] for folder in folders if (found := window_of(f"{folder}/{SUMMARY}")) is not None]


def last_end(place: ObjectStore, windows: Iterable[Window]) -> datetime | None:
    """The greatest end of the windows that count; None where none does."""
    latest_first = sorted(windows, key=lambda window: (window.end, window.begin), reverse=True)
    counting = (window for window in latest_first if stat(place, f"{window.folder}/{SUMMARY}") is not None)
    return next((window.end for window in counting), None)


def next_window(endpoint: Endpoint, begun: Iterable[Window], reached: datetime | None, now: datetime) -> Window | None:
    """The window to fetch now, after all up to `reached` count; None where it would not reach further.

    One that was begun there, and does not count, is fetched again with its own ends.
    """
    begin = endpoint.starts_at if reached is None else reached - endpoint.overlap
    again = [window for window in begun if window.begin == begin and window.end > (reached or begin)]
    if again:
        return max(again)
    end = min(now - endpoint.lag, begin + endpoint.longest)
    return Window(begin, end) if end > (reached or begin) else None

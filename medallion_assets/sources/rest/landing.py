"""Landing: the answers of an API as they came, in the table's raw place, window by window.

Belongs here: names, claims, summaries, and which window is next.
Does not: asking for one, or reading records.

A window is `rest/<from>-<to>/`: a file for each page, named by its number and digest, and last `summary.json`, which
names them. Without a summary it does not count. Which window comes after a moment is said once, by whoever first
writes `rest/after-<moment>.json`: whoever fetches there, at the same time or after a crash, fetches a window with the
same ends. So none is landed twice or left out, the cursor moves only after all before it is kept, and tables are made
again without the API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from obstore.store import ObjectStore

from medallion_assets.contracts.documents import from_json, from_json_or_none, to_json
from medallion_assets.errors import PermanentError
from medallion_assets.sources.rest.endpoint import Endpoint
from medallion_assets.storage.listing import list_objects
from medallion_assets.storage.stores import create_bytes, read_bytes

FOLDER, SUMMARY = "rest", "summary.json"
_MOMENT, _MOMENT_PATTERN = "%Y%m%dT%H%M%S%fZ", r"\d{8}T\d{12}Z"
_NAME = re.compile(rf"(?P<begin>{_MOMENT_PATTERN})-(?P<end>{_MOMENT_PATTERN})")
_KEY = re.compile(rf"{FOLDER}/(?P<window>{_NAME.pattern})/(?P<file>[^/]+)")
_CLAIM = re.compile(rf"{FOLDER}/after-(?P<moment>{_MOMENT_PATTERN})\.json")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """[begin, end), in UTC."""

    begin: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The id of its batch; names sort by where windows begin."""
        return f"{_text(self.begin)}-{_text(self.end)}"

    @property
    def folder(self) -> str:
        """Where its files lie."""
        return f"{FOLDER}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedPage:
    """A page that was kept: its key, and what it has to hold. Summaries of before do not say how many bytes."""

    key: str
    sha256: str
    records: int
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Summary:
    pages: list[LandedPage]


@dataclass(frozen=True, slots=True)
class _Claim:
    window: str


@dataclass(slots=True)
class Landed:
    """What lies in a place: the windows that count and those that were only begun, and after which moments one is."""

    counting: set[Window] = field(default_factory=set)
    begun: set[Window] = field(default_factory=set)
    claimed: set[datetime] = field(default_factory=set)

    def reached(self, starts_at: datetime) -> datetime:
        """The cursor: up to where windows that count join up, from the first one that was begun."""
        reached = starts_at
        if self.counting and starts_at not in self.claimed:  # fetched from elsewhere, or before there were claims
            reached = min(self.counting).begin
        for window in sorted(self.counting):
            if window.begin > reached:
                break
            reached = max(reached, window.end)
        return reached


def landed_in(place: ObjectStore) -> Landed:
    """What lies in a place, by one listing."""
    landed = Landed()
    for stored in list_objects(place, FOLDER):
        if (claim := _CLAIM.fullmatch(stored.key)) is not None:
            landed.claimed.add(_moment(claim["moment"]))
        elif (found := window_of(stored.key)) is not None:
            (landed.counting if found[1] == SUMMARY else landed.begun).add(found[0])
    return landed


def is_claim(key: str) -> bool:
    """Whether a key is that of a claim."""
    return _CLAIM.fullmatch(key) is not None


def window_of(key: str) -> tuple[Window, str] | None:
    """The window that a key belongs to, and the file's name in it; None of any other object."""
    match = _KEY.fullmatch(key)
    return None if match is None else (Window(_moment(match["begin"]), _moment(match["end"])), match["file"])


def page_key(window: Window, number: int, sha256: str) -> str:
    """Where a page is kept: another body has another name, so that two who fetch a window do not mix."""
    return f"{window.folder}/page-{number:05d}-{sha256[:16]}.json"


def claim_window(place: ObjectStore, reached: datetime, window: Window) -> Window:
    """The window after a moment: the one that is given, unless another was named there before.

    Raises:
        PermanentError: what was named there before is none.
    """
    key = f"{FOLDER}/after-{_text(reached)}.json"
    if create_bytes(place, key, to_json(_Claim(window.name)).encode()):
        return window
    found = read_bytes(place, key) or b""
    claim = from_json_or_none(_Claim, found)
    match = None if claim is None else _NAME.fullmatch(claim.window)
    if match is None or (claimed := Window(_moment(match["begin"]), _moment(match["end"]))).end <= reached:
        raise PermanentError(
            f"{key} does not name a window to continue from",
            expected='such as {"window": "<from>-<to>"}',
            found=found[:100],
            do="remove it: it is created again",
        )
    return claimed


def write_summary(place: ObjectStore, window: Window, pages: Iterable[LandedPage]) -> bool:
    """Make a window count; whether these are its pages: another fetcher may have been faster."""
    key = f"{window.folder}/{SUMMARY}"
    body = to_json(_Summary(list(pages)), indent=1).encode()
    return create_bytes(place, key, body) or read_bytes(place, key) == body


def read_summary(place: ObjectStore, window: Window) -> list[LandedPage] | None:
    """The pages of a window; None when it has no summary.

    Raises:
        UnreadableDocumentError: the summary is damaged.
    """
    body = read_bytes(place, f"{window.folder}/{SUMMARY}")
    return None if body is None else from_json(_Summary, body).pages


def next_window(endpoint: Endpoint, landed: Landed, now: datetime) -> Window | None:
    """The window to fetch now, unless its claim names another one; None where nothing would reach further.

    Its end is a whole second, which every API can read. One that was begun and does not count keeps its ends.
    """
    reached = landed.reached(endpoint.starts_at)
    begin = endpoint.starts_at if reached == endpoint.starts_at else reached - endpoint.overlap
    if again := [window for window in landed.begun if window.begin == begin and window.end > reached]:
        return max(again)
    end = min(now - endpoint.lag, begin + endpoint.longest).replace(microsecond=0)
    if end > reached:
        return Window(begin, end)
    # What is claimed there may end earlier than that, and be in reach.
    return Window(begin, begin + endpoint.longest) if reached in landed.claimed else None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_MOMENT)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)

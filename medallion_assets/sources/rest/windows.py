"""Windows of an API as a source of batches: each that has its summary is one (rules F1 to F8).

Belongs here: what lies in the raw place, as `Source` asks for it, and what brings it there.
Does not: asking the API, or the order in which windows are fetched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.columns import LINE_NUMBER, RAW, SOURCE_FILE
from medallion_assets.contracts.documents import UnreadableDocumentError
from medallion_assets.contracts.fetching import Fetched
from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.record_order import LATEST_ID_WINS, RecordOrder
from medallion_assets.contracts.search import EVERYTHING, Search
from medallion_assets.contracts.source import AsItIs, BatchRefusedError, Found, LineReader, Listing
from medallion_assets.contracts.table import Table
from medallion_assets.errors import TransientError
from medallion_assets.sources.records import JsonLines, RecordColumns, json_text, source_file
from medallion_assets.sources.rest.endpoint import Endpoint, parsed, records_of
from medallion_assets.sources.rest.fetch import fetch_windows
from medallion_assets.sources.rest.landing import FOLDER, SUMMARY, LandedPage, Window, is_claim, read_summary, window_of
from medallion_assets.sources.rest.requests import TIMEOUT_SECONDS, Requests, secret_headers
from medallion_assets.storage.listing import NEXT
from medallion_assets.storage.looks import Look
from medallion_assets.storage.stores import read_bytes

BROKEN_SUMMARY, BROKEN_PAGE = "broken_summary", "broken_page"
RESTORE, FIT = "bring the file back as it was", "correct records in Endpoint(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowDelivery:
    """A window, by its summary."""

    batch: Batch
    pages: list[LandedPage]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestWindows(AsItIs):
    """The windows of an endpoint. `sequence` is the field with the moment of a record, `delete_flag` as in rule F3.

    `fetched_at` are cron lines, in the time zone of the settings' schedules; none where something else fetches.
    """

    endpoint: Endpoint
    sequence: str
    delete_flag: str | None = None
    fetched_at: tuple[str, ...] = ("*/15 * * * *",)
    write_time_slack_hours: float = 24

    uncertainty: ClassVar[timedelta] = timedelta(0)
    order: ClassVar[RecordOrder] = LATEST_ID_WINS
    has_moments: ClassVar[bool] = True
    final_verdicts: ClassVar[frozenset[str]] = frozenset()
    ids_ascend: ClassVar[bool] = True
    technology: ClassVar[str] = "http"
    batch_word: ClassVar[str] = "window"

    @property
    def rules(self) -> tuple[str, ...]:
        """The fields that order records and delete."""
        return (f"rest {self.sequence} {self.delete_flag} {self.endpoint.records}",)

    @property
    def chain_starts_at(self) -> datetime | None:
        """Where the first window begins (rule F2)."""
        return self.endpoint.starts_at

    def fetch(
        self,
        place: Callable[[], ObjectStore],
        environment: Mapping[str, str],
        now: datetime,
        report: Callable[[str], object],
    ) -> Iterator[Fetched]:
        """Every window up to now, as `FetchingSource` has it; `environment` holds the secrets that are declared."""
        headers = secret_headers(self.endpoint, environment)
        with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
            requests = Requests(endpoint=self.endpoint, client=client, headers=headers, report=report)
            for found in fetch_windows(requests, place(), now):
                yield Fetched(
                    id=found.window.name,
                    reaches_until=found.window.end,
                    pages=len(found.pages),
                    records=sum(page.records for page in found.pages),
                    bytes=sum(page.bytes for page in found.pages),
                )

    def find(self, place: ObjectStore, search: Search = EVERYTHING) -> Listing:
        """The windows that count; pages of one that does not belong to it all the same, and are not foreign."""
        foreign, batches = 0, []
        look = Look(search=search, begins_after=f"{FOLDER}/{search.after}{NEXT}" if search.after else "")
        for stored in look.objects(place):
            found = window_of(stored.key)
            if found is None and search.after is not None and is_claim(stored.key):
                break  # there is one for each window, and they lie behind all windows
            if found is None:
                foreign += not is_claim(stored.key)
            elif found[1] == SUMMARY and search.wants(found[0].name):
                fingerprint = f"{stored.size} {stored.tag} {self.endpoint.records}"  # another one may fit its pages
                batches.append(Found(id=found[0].name, prefix="", fingerprint=fingerprint, reaches_until=found[0].end))
        return look.listing(batches, foreign=foreign)

    def read(self, place: ObjectStore, found: Found, *, owner: Owner | None = None) -> WindowDelivery:
        """What its summary says; an API has no owner.

        Raises:
            BatchRefusedError: the summary is gone or damaged.
            TransientError: the store did not answer.
        """
        del owner
        key = f"{FOLDER}/{found.id}/{SUMMARY}"
        known = window_of(key)
        try:
            pages = read_summary(place, known[0]) if known is not None else None
        except UnreadableDocumentError as error:
            raise _refused(BROKEN_SUMMARY, key, "a summary", error) from error
        if known is None or pages is None:
            raise _refused(BROKEN_SUMMARY, key, "a summary", "none")
        return WindowDelivery(batch=_batch(known[0], pages), pages=pages)

    def lines(
        self, place: ObjectStore, delivery: WindowDelivery, *, refused_as: str | None = None
    ) -> Generator[pl.DataFrame]:
        """The records of one page after the other, each with its place in the page.

        Raises:
            BatchRefusedError: a page is gone, not what the summary says of it, or not what the declaration fits.
            TransientError: the store did not answer.
        """
        del refused_as
        for page in delivery.pages:
            body = read_bytes(place, page.key) or b""
            if (digest := hashlib.sha256(body).hexdigest()) != page.sha256:
                found = digest if body else "nothing"
                raise _refused(BROKEN_PAGE, page.key, f"SHA-256 {page.sha256}", found, watched=page.key)
            records = self._records(page, body)
            if records:
                names = dict.fromkeys(name for record in records for name in record)
                raw = pl.Series(RAW, [_raw(record) for record in records], dtype=pl.String)
                yield pl.DataFrame({RAW: raw}).select(
                    pl.lit(source_file(page.key, tuple(names))).alias(SOURCE_FILE),
                    pl.int_range(1, pl.len() + 1).alias(LINE_NUMBER),
                    RAW,
                )

    def _records(self, page: LandedPage, body: bytes) -> list[dict[str, Any]]:
        """The records of a page that is as it was fetched, perhaps under another declaration."""
        try:
            records = records_of(parsed(body), self.endpoint.records)
        except (TransientError, ValueError) as error:
            raise self._misfit(page, "no list of objects") from error
        if len(records) != page.records:
            raise self._misfit(page, len(records))
        return records

    def _misfit(self, page: LandedPage, found: object) -> BatchRefusedError:
        expected = f"{page.records} records at {self.endpoint.records or 'the top'}"
        return _refused(BROKEN_PAGE, page.key, expected, found, do=FIT)

    def parts(self, delivery: WindowDelivery, most: int) -> list[WindowDelivery]:  # noqa: ARG002
        """It is read as a whole."""
        return [delivery]

    def reader(self, table: Table) -> LineReader:
        """A reader of records."""
        return JsonLines(table, RecordColumns(sequence=self.sequence, delete_flag=self.delete_flag))

    def canonical(self, line: str) -> str:
        """One text for all orders of a record's fields."""
        return json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False)

    def spelled(self, text: str) -> str:
        """A text as JSON spells it."""
        return json_text(text)


def _batch(window: Window, pages: list[LandedPage]) -> Batch:
    return Batch(
        id=window.name,
        kind=BatchKind.CHANGES,
        covers_from=window.begin,
        covers_to=window.end,
        records=sum(page.records for page in pages),
        started_at=window.end,
    )


def _raw(record: dict[str, Any]) -> str:
    """A record whose values are texts; nested ones are JSON in a text, and half of a surrogate pair is replaced."""
    text = json.dumps({name: _text(value) for name, value in record.items()}, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _refused(
    verdict: str, key: str, expected: str, found: object, do: str = RESTORE, watched: str | None = None
) -> BatchRefusedError:
    return BatchRefusedError(
        verdict,
        f"{key} refused: {verdict}",
        watched=watched,
        expected=expected,
        found=found,
        do=f"{do}; or remove the window's folder, and it is fetched again",
    )

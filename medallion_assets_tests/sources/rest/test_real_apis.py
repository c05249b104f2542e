"""What real APIs do: pages that move, links, redirects, packed and odd answers; nothing is lost, no secret shows."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from obstore.store import ObjectStore

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.sources.rest.endpoint import ByCursor, ByLink, ByNumber, ByOffset
from medallion_assets.sources.rest.landing import read_summary
from medallion_assets.sources.rest.requests import ATTEMPTS
from medallion_assets_tests.sources.rest.api import PAGES, Api, Failure, by_cursor, serving
from medallion_assets_tests.sources.rest.test_fetch import FIRST, SECRET, endpoint, fetched, kept


def ids(place: ObjectStore) -> list[str]:
    return [record["id"] for page in kept(place) for record in page["data"]]


def page_of(asked: dict[str, str], size: int = 2) -> list[str]:
    """Two records a page, by page number or by offset, of those that are in the window now."""
    begin = int(asked["offset"]) if "offset" in asked else (int(asked["page"]) - 1) * size
    return STORED[begin : begin + size]


STORED: list[str] = []


@pytest.mark.parametrize("pages", [ByNumber(), ByOffset()])
def test_a_record_that_leaves_the_window_while_pages_are_read_hides_no_other(
    place: ObjectStore, pages: ByNumber | ByOffset
) -> None:
    """`a` changes after the first page: `c` moves up to where was read already, and would be in no page."""
    STORED[:] = "abcd"

    def answer(asked: dict[str, str]) -> dict[str, Any]:
        found = page_of(asked)
        if "a" in STORED:
            STORED.remove("a")
        return {"data": [{"id": name} for name in found]}

    with serving(answer) as moving:
        assert fetched(endpoint(moving, pages=pages), place) == [FIRST]
    assert ids(place) == ["b", "c", "d"]


def test_pages_that_never_hold_still_are_not_landed(place: ObjectStore) -> None:
    """An order that changes is no other content; other records are."""
    numbers = count()
    with serving(lambda asked: {"data": [{"id": str(next(numbers))}] if asked["page"] == "1" else []}) as moving:
        with pytest.raises(PermanentError, match="keep changing"):
            fetched(endpoint(moving, pages=ByNumber()), place)
        assert read_summary(place, FIRST) is None


def test_offsets_grow_by_what_came_and_not_by_what_was_asked_for(place: ObjectStore) -> None:
    """An API that gives at most 2 whatever `limit` says."""
    STORED[:] = "abcde"
    with serving(lambda asked: {"data": [{"id": name} for name in page_of(asked)]}) as capped:
        fetched(endpoint(capped, pages=ByOffset(is_stable=True), parameters={"limit": "100"}), place)
        assert [asked["offset"] for asked in capped.asked] == ["0", "2", "4", "5"]
    assert ids(place) == list("abcde")


@pytest.mark.parametrize("end", [None, "", False])
def test_an_empty_page_leads_on_and_null_is_no_record(api: Api, place: ObjectStore, end: object) -> None:
    pages = {"": {"data": [], "next": 2}, "2": {"data": [{"id": "a"}], "next": "3"}, "3": {"data": None, "next": end}}
    api.answer = lambda asked: pages[asked.get("cursor", "")]
    assert fetched(endpoint(api), place) == [FIRST]
    assert [page.records for page in read_summary(place, FIRST) or []] == [0, 1, 0]


def test_an_empty_page_that_leads_to_itself_is_the_last(api: Api, place: ObjectStore) -> None:
    api.answer = lambda asked: {"data": [] if asked.get("cursor") else [{"id": "a"}], "next": "end"}
    assert fetched(endpoint(api), place) == [FIRST]
    assert len(kept(place)) == 2


def test_a_cursor_that_is_no_text_is_refused(api: Api, place: ObjectStore) -> None:
    api.answer = lambda _: {"data": [], "next": {"page": 2}}
    with pytest.raises(PermanentError, match="next page"):
        fetched(endpoint(api), place)


@pytest.mark.parametrize("in_header", [True, False])
def test_pages_may_be_linked(api: Api, place: ObjectStore, in_header: bool) -> None:
    """Relative or not; a link says everything, and the secret is sent along."""
    link = "?cursor=two" if in_header else f"{api.url}?cursor=two"
    first = {**PAGES[""], "next": None if in_header else link}
    headers = {"Link": f'<{link}>; rel="next", <{link}>; rel="last"'} if in_header else {}
    api.failures = [Failure(headers=headers, body=json.dumps(first).encode())]
    assert fetched(endpoint(api, pages=ByLink(path=None if in_header else "next", is_stable=True)), place) == [FIRST]
    assert api.asked[1] == {"cursor": "two"}
    assert [headers["Authorization"] for headers in api.headers] == [SECRET] * 2
    assert ids(place) == ["a", "b", "c"]


@pytest.mark.parametrize("pages", [ByLink(), ByLink(path="next"), ByCursor(parameter="cursor", path="next")])
def test_another_host_is_sent_no_secret(api: Api, place: ObjectStore, pages: ByLink | ByCursor) -> None:
    """Neither by a link nor by a redirect; another port is another host."""
    with serving(by_cursor) as other:
        body = json.dumps({"data": [], "next": other.url}).encode()
        linked = Failure(headers={"Link": f'<{other.url}>; rel="next"'}, body=body)
        api.failures = [linked if isinstance(pages, ByLink) else Failure(status=302, headers={"Location": other.url})]
        with pytest.raises(PermanentError, match="another host" if isinstance(pages, ByLink) else "302, to http"):
            fetched(endpoint(api, pages=pages), place)
        assert other.asked == []
    assert len(api.asked) == 1


@pytest.mark.parametrize("status", [200, 401, 500])
def test_an_error_in_any_status_shows_no_secret(api: Api, place: ObjectStore, status: int) -> None:
    """The token alone is one as well, without the scheme before it; so is one that a cut would leave half of."""
    body = json.dumps({"error": f"bad token s3cret-token-of-{'x' * 150} {'y' * 30}s3cret-token"}).encode()
    api.failures = [Failure(status=status, body=body)] * ATTEMPTS
    with pytest.raises((PermanentError, TransientError)) as failed:
        fetched(endpoint(api), place)
    assert SECRET not in str(failed.value) + repr(failed.value.__cause__)
    assert "s3cret" not in str(failed.value)


def test_a_page_is_not_held_in_memory_whatever_it_unpacks_to(api: Api, place: ObjectStore) -> None:
    """A gigabyte of blanks in a megabyte: refused after the first bytes of it."""
    bomb = gzip.compress(b" " * 20_000_000)
    api.failures = [Failure(headers={"Content-Encoding": "gzip"}, body=bomb)]
    with pytest.raises(PermanentError, match="too large"):
        fetched(replace(endpoint(api), most_page_bytes=1_000_000), place)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    "odd",
    [
        Failure(headers={"Content-Encoding": "gzip"}, body=b"no gzip"),
        Failure(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b'{"data": []}')[:-12]),
        Failure(body=b"[" * 100_000),
        Failure(body=b'{"data": [{"id": "\xff"}]}'),
    ],
)
def test_what_cannot_be_read_is_asked_for_again(api: Api, place: ObjectStore, odd: Failure) -> None:
    api.failures = [odd]
    waited: list[float] = []
    assert fetched(endpoint(api), place, waited=waited) == [FIRST]
    assert waited == [1.0]


def test_packed_answers_are_kept_unpacked_and_other_packing_is_refused(api: Api, place: ObjectStore) -> None:
    body = json.dumps(PAGES["two"]).encode("utf-8-sig")
    api.failures = [Failure(headers={"Content-Encoding": "gzip"}, body=gzip.compress(body))]
    assert fetched(endpoint(api), place) == [FIRST]
    assert api.headers[0]["Accept-Encoding"] == "gzip, deflate"
    assert [page.bytes for page in read_summary(place, FIRST) or []] == [len(body)]
    api.failures = [Failure(headers={"Content-Encoding": "zstd"}, body=body)]
    with pytest.raises(PermanentError, match="zstd"):
        fetched(endpoint(api), place, FIRST.end + timedelta(days=1))

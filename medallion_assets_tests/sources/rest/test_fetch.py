"""Fetching windows of an API: what is kept, when the cursor moves, and what is asked again."""

from __future__ import annotations

import json
import logging
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from obstore.store import ObjectStore

from medallion_assets.errors import PermanentError, SettingsError, TransientError
from medallion_assets.sources.rest.endpoint import SHOWN_CHARACTERS, ByCursor, ByNumber, Endpoint
from medallion_assets.sources.rest.fetch import MOST_READINGS, fetch_windows
from medallion_assets.sources.rest.landing import Window, landed_in, read_summary
from medallion_assets.sources.rest.requests import ATTEMPTS, Requests, secret_headers
from medallion_assets.storage.stores import read_bytes
from medallion_assets_tests.sources.rest.api import PAGES, Api, Failure, by_cursor, serving

START = datetime(2025, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = Window(START, START + DAY)
SECRET = "s3cret-token"


def by_number(parameters: dict[str, str]) -> list[dict[str, str]]:
    return [{"id": parameters["page"]}] if int(parameters["page"]) < 3 else []


def endpoint(api: Api, **options: Any) -> Endpoint:
    given: dict[str, Any] = {
        "records": "data",
        "pages": ByCursor(parameter="cursor", path="next"),
        "secrets": {"Authorization": "SHOP_TOKEN"},
        "lag": timedelta(0),
        "starts_at": START,
    }
    return Endpoint(url=api.url, from_parameter="since", to_parameter="until", **{**given, **options})


def fetched(
    asked: Endpoint,
    place: ObjectStore,
    now: datetime = START + DAY,
    waited: list[float] | None = None,
    secret: str = SECRET,
) -> list[Window]:
    """Fetch all windows up to now, without waiting."""
    waits = [] if waited is None else waited
    with httpx.Client(timeout=60) as client:
        headers = secret_headers(asked, {"SHOP_TOKEN": secret})
        requests = Requests(
            endpoint=asked, client=client, headers=headers, sleep=waits.append, clock=lambda: START + DAY
        )
        return [fetched.window for fetched in fetch_windows(requests, place, now)]


def kept(place: ObjectStore, window: Window = FIRST) -> list[Any]:
    """The pages of a window that counts."""
    pages = read_summary(place, window)
    assert pages is not None
    return [json.loads(read_bytes(place, page.key) or b"") for page in pages]


def test_a_window_is_kept_page_by_page(api: Api, place: ObjectStore) -> None:
    assert fetched(endpoint(api, parameters={"limit": "2"}), place) == [FIRST]
    assert kept(place) == [PAGES[""], PAGES["two"]]
    assert [page.records for page in read_summary(place, FIRST) or []] == [2, 1]
    ends = {"limit": "2", "since": "2025-03-01T00:00:00Z", "until": "2025-03-02T00:00:00Z"}
    assert api.asked == [ends, {**ends, "cursor": "two"}]
    assert api.headers[0]["Authorization"] == SECRET


def test_pages_may_have_numbers(place: ObjectStore) -> None:
    with serving(by_number) as api:
        assert fetched(endpoint(api, records="", pages=ByNumber()), place) == [FIRST]
        assert [asked["page"] for asked in api.asked] == ["1", "2", "3"] * 2
    assert kept(place) == [[{"id": "1"}], [{"id": "2"}], []]


def test_the_next_window_begins_where_the_last_ends(api: Api, place: ObjectStore) -> None:
    """Less the overlap, at most a day each, up to now less the lag; and nothing twice."""
    asked = endpoint(api, overlap=timedelta(hours=1), lag=timedelta(hours=2))
    until = START + timedelta(hours=36)
    second = Window(START + timedelta(hours=23), until)
    assert fetched(asked, place, until + timedelta(hours=2)) == [FIRST, second]
    assert fetched(asked, place, until + timedelta(hours=2)) == []
    assert fetched(asked, place, START) == []


def test_a_window_without_its_summary_is_fetched_again_with_its_own_ends(api: Api, place: ObjectStore) -> None:
    """The process ends between two pages; the API holds something else when it is asked again."""
    noon, night = START + DAY / 2, START + DAY
    api.failures = [None, *[Failure(status=500)] * ATTEMPTS]
    with pytest.raises(TransientError):
        fetched(endpoint(api), place, noon)
    begun = Window(START, noon)
    assert landed_in(place).begun == {begun}
    assert landed_in(place).counting == set()
    assert read_summary(place, begun) is None
    api.answer = lambda _: {"data": [{"id": "z"}]}
    assert fetched(endpoint(api), place, night) == [begun, Window(noon, night)]
    assert kept(place, begun) == [{"data": [{"id": "z"}]}]


@pytest.mark.parametrize(
    ("failure", "waits"),
    [
        (Failure(status=429, headers={"Retry-After": "7"}), [7.0]),
        (Failure(status=429, headers={"Retry-After": "100000"}), [120.0]),
        (Failure(status=429, headers={"Retry-After": "soon"}), [1.0]),
        (Failure(status=500), [1.0]),
        (Failure(status=503, headers={"Retry-After": format_datetime(START)}), [0.0]),
        (Failure(status=503, headers={"Retry-After": format_datetime(START + DAY + timedelta(seconds=9))}), [9.0]),
        (Failure(body=json.dumps(PAGES[""]).encode(), cut=5), [1.0]),
        (Failure(body=b'{"data": [{"id": "a"}, {"i'), [1.0]),
        (Failure(body=b"<html>maintenance</html>"), [1.0]),
        (Failure(body=b'{"error": "busy"}'), [1.0]),
        (Failure(lost=True), [1.0]),
    ],
)
def test_what_passes_by_itself_is_asked_again(
    api: Api, place: ObjectStore, failure: Failure, waits: list[float]
) -> None:
    api.failures = [failure]
    waited: list[float] = []
    assert fetched(endpoint(api), place, waited=waited) == [FIRST]
    assert waited == waits
    assert kept(place) == [PAGES[""], PAGES["two"]]


def test_what_does_not_pass_ends_the_fetch_and_keeps_what_counts(api: Api, place: ObjectStore) -> None:
    """The first window counts, and the cursor stays at its end."""
    api.failures = [None, None, *[Failure(status=503)] * ATTEMPTS]
    waited: list[float] = []
    with pytest.raises(TransientError, match="503"):
        fetched(endpoint(api), place, START + 2 * DAY, waited)
    assert waited == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert len(kept(place)) == 2
    assert fetched(endpoint(api), place, START + 2 * DAY) == [Window(START + DAY, START + 2 * DAY)]


def test_a_clock_that_is_ahead_loses_no_record(place: ObjectStore) -> None:
    """A window that had not ended does not count: what is written until then belongs to it."""
    noon, minute = START + DAY / 2, timedelta(minutes=1)
    written, moments = (noon - 30 * minute, noon + 30 * minute), {"true": noon}

    def answer(asked: httpx.Request) -> httpx.Response:
        begin, end = (datetime.fromisoformat(asked.url.params[name]) for name in ("since", "until"))
        found = [{"at": str(at)} for at in written if begin <= at < end and at <= moments["true"]]
        dated = {"Date": format_datetime(moments["true"], usegmt=True)}
        return httpx.Response(200, json={"data": found, "next": None}, headers=dated)

    shop = endpoint(Api(url="https://shop.example/orders", answer=by_cursor))
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        requests = Requests(endpoint=shop, client=client, headers={})
        with pytest.raises(TransientError, match="has not ended yet"):
            list(fetch_windows(requests, place, noon + 60 * minute))
        assert landed_in(place).counting == set()
        for later in (15 * minute, 120 * minute):
            moments["true"] = noon + later
            windows = [fetched.window for fetched in fetch_windows(requests, place, noon + later)]
    assert windows == [Window(START, noon + 60 * minute), Window(noon + 60 * minute, noon + 120 * minute)]
    assert kept(place, windows[0])[0]["data"] == [{"at": str(at)} for at in written]


@pytest.mark.parametrize(("date", "counts"), [(-2, False), (-1, True), (0, True), (None, True)])
def test_a_window_ends_before_an_answer_is_made(place: ObjectStore, date: int | None, *, counts: bool) -> None:
    """To the second, which a Date is cut to; without one that can be read nobody can tell."""
    text = "now" if date is None else format_datetime(FIRST.end + timedelta(seconds=date), usegmt=True)
    mocked = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": []}, headers={"Date": text}))
    shop = endpoint(Api(url="https://shop.example/orders", answer=by_cursor))
    with httpx.Client(transport=mocked) as client, nullcontext() if counts else pytest.raises(TransientError):
        list(fetch_windows(Requests(endpoint=shop, client=client, headers={}), place, FIRST.end))
    assert landed_in(place).counting == ({FIRST} if counts else set())


def test_a_refusal_is_not_asked_again_and_shows_no_secret(
    api: Api, place: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.failures = [Failure(status=401, body=f'{{"error": "bad token {SECRET}"}}'.encode())]
    with pytest.raises(PermanentError, match=r"bad token \*\*\*.*SHOP_TOKEN") as refused:
        fetched(endpoint(api), place)
    assert len(api.asked) == 1
    assert SECRET not in str(refused.value) + repr(refused.value.__cause__) + caplog.text


@pytest.mark.parametrize("said", ["a/b+c=d'e", "a\\/b+c=d'e", "a\\u002Fb\\u002bc\\u003Dd\\u0027e", "a%2Fb%2bc%3Dd%27e"])
def test_a_secret_does_not_show_however_it_is_escaped(api: Api, place: ObjectStore, said: str) -> None:
    """As PHP and .NET write it in JSON, and as it stands in a URL."""
    api.failures = [Failure(status=401, body=f'{{"error": "bad token {said}!"}}'.encode())]
    with pytest.raises(PermanentError, match=r"bad token \*\*\*!"):
        fetched(endpoint(api), place, secret="Bearer a/b+c=d'e")


def test_a_secret_does_not_show_where_an_answer_is_cut(api: Api, place: ObjectStore) -> None:
    api.answer = lambda _: {"error": "x" * (SHOWN_CHARACTERS - 20) + SECRET}
    with pytest.raises(TransientError, match=r"x{50}") as failed:
        fetched(endpoint(api), place)
    assert SECRET[:3] not in str(failed.value)


@pytest.mark.parametrize("value", ["", "two\nlines", "tökén"])
def test_a_secret_that_is_not_set_or_no_header_is_named_alone(api: Api, value: str) -> None:
    with pytest.raises(SettingsError, match="SHOP_TOKEN") as refused:
        secret_headers(endpoint(api), {"SHOP_TOKEN": value})
    assert not value or value not in str(refused.value)


def test_pages_that_lead_back_are_refused(api: Api, place: ObjectStore) -> None:
    api.answer = lambda _: {"data": [{"id": "a"}], "next": "again"}
    with pytest.raises(PermanentError, match="do not end"):
        fetched(endpoint(api), place)
    assert read_summary(place, FIRST) is None


def test_a_declaration_that_would_not_move_on_is_refused(api: Api) -> None:
    asked = endpoint(api)
    with pytest.raises(PermanentError, match="overlap"):
        replace(asked, overlap=DAY)
    with pytest.raises(PermanentError, match="zone"):
        replace(asked, starts_at=datetime(2025, 1, 1))  # noqa: DTZ001


def test_records_that_never_hold_still_are_named_and_read_no_more_than_five_times(place: ObjectStore) -> None:
    """Such as those with a signed URL in them: to begin anew at once would not help either."""
    moving: Api

    def answer(asked: dict[str, str]) -> list[dict[str, str]]:
        first = asked["page"] == "1"
        return [{"id": "1", "url": f"/photo?signature={len(moving.asked)}", "name": "a"}] if first else []

    with serving(answer) as moving:
        with pytest.raises(PermanentError, match=r"fields that differ: url;.*is_stable=True"):
            fetched(endpoint(moving, records="", pages=ByNumber()), place)
        assert len(moving.asked) == 2 * MOST_READINGS

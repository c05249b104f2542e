"""Where windows are kept: each is landed once whoever fetches, none is left out, and a removed one comes again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import obstore
import pytest
from obstore.store import ObjectStore

from medallion_assets.errors import PermanentError
from medallion_assets.sources.rest.landing import Landed, Window, claim_window, landed_in, next_window, write_summary
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.sources.rest.api import Api, by_cursor, serving
from medallion_assets_tests.sources.rest.test_fetch import DAY, FIRST, START, endpoint, fetched, kept

NOON = START + DAY / 2


def test_two_who_fetch_at_once_land_each_window_once(place: ObjectStore) -> None:
    """The second begins, an hour later, while the first reads a page, and gets ahead of it."""
    landed: list[list[Window]] = []
    shared: Api

    def answer(asked: dict[str, str]) -> dict[str, Any]:
        if len(shared.asked) == 1:
            landed.append(fetched(endpoint(shared), place, NOON + timedelta(hours=1)))
        return by_cursor(asked)

    with serving(answer) as shared:
        landed.append(fetched(endpoint(shared), place, NOON))
    ahead = [Window(START, NOON), Window(NOON, NOON + timedelta(hours=1))]
    assert landed[0] == ahead
    assert landed_in(place).counting == set(ahead)


def test_what_another_landed_first_stays(api: Api, place: ObjectStore) -> None:
    """The other one read other records: those that count are of one of the two, and never a mixture."""

    def answer(asked: dict[str, str]) -> dict[str, Any]:
        if len(api.asked) == 1:
            write_summary(place, FIRST, [])
        return by_cursor(asked)

    api.answer = answer
    assert fetched(endpoint(api), place) == []
    assert kept(place) == []


def test_a_window_that_was_removed_is_fetched_again_with_its_own_ends(api: Api, place: ObjectStore) -> None:
    """One in the middle, that windows after it do not hide; whatever is declared now."""
    asked = endpoint(api, overlap=timedelta(hours=1), longest=DAY / 2)
    windows = fetched(asked, place, START + 2 * DAY)
    assert len(windows) == 5
    for page in obstore.list(place, prefix=windows[2].folder).collect():
        obstore.delete(place, page["path"])
    assert fetched(endpoint(api), place, START + 2 * DAY) == [windows[2]]
    assert fetched(endpoint(api), place, START + 2 * DAY) == []


def test_windows_of_before_there_were_claims_go_on(api: Api, place: ObjectStore) -> None:
    write_summary(place, FIRST, [])
    write_summary(place, Window(START + 2 * DAY, START + 3 * DAY), [])
    assert fetched(endpoint(api, starts_at=START + DAY / 4), place, START + 4 * DAY) == [
        Window(START + DAY, START + 2 * DAY),
        Window(START + 3 * DAY, START + 4 * DAY),
    ]


def test_a_claim_is_no_foreign_object_and_a_damaged_one_is_named(api: Api, place: ObjectStore) -> None:
    fetched(endpoint(api), place)
    assert RestWindows(endpoint=endpoint(api), sequence="at").find(place).foreign == 0
    reached, window = FIRST.end, Window(FIRST.end, FIRST.end + DAY)
    assert claim_window(place, reached, window) == window
    assert claim_window(place, reached, Window(FIRST.end, FIRST.end + DAY / 2)) == window
    key = "rest/after-20250302T000000000000Z.json"
    for damaged in (b"", b"{}", b'{"window": 1}', json.dumps({"window": FIRST.name}).encode()):
        write_bytes(place, key, damaged)
        with pytest.raises(PermanentError, match="after-20250302"):
            claim_window(place, reached, window)


def test_windows_end_at_whole_seconds(api: Api) -> None:
    window = next_window(endpoint(api), Landed(), START + timedelta(seconds=61, microseconds=5))
    assert window == Window(START, START + timedelta(seconds=61))


def test_a_window_that_a_clock_set_too_far_ahead_claimed_waits_for_its_end(api: Api, place: ObjectStore) -> None:
    """F2: it would be read before all that belongs to it is there, and count for good."""
    ahead = Window(FIRST.end, FIRST.end + timedelta(hours=1))
    fetched(endpoint(api), place)
    claim_window(place, FIRST.end, ahead)
    asked = len(api.asked)
    assert fetched(endpoint(api), place, FIRST.end + timedelta(minutes=5)) == []
    assert len(api.asked) == asked
    assert fetched(endpoint(api), place, ahead.end) == [ahead]


def test_a_claim_is_kept_to_and_fetched_once_it_is_in_reach_as_declared_now(api: Api, place: ObjectStore) -> None:
    claim_window(place, START, FIRST)
    assert fetched(endpoint(api, lag=DAY), place, START + DAY) == []
    assert fetched(endpoint(api, lag=DAY), place, START + 2 * DAY) == [FIRST]

"""What a look at arrivals costs: requests to list, as the S3 server counts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.sources.dynamodb_export.manifest import STARTED_NAME, SUMMARY_NAME
from medallion_assets.triggers.file_arrival import FULL_LISTING_SECONDS
from medallion_assets.triggers.look_limits import LIMITS
from medallion_assets_tests.orchestration.sensors.exports_in_bucket import KEYS, Place, export_id, of_day, planted
from medallion_assets_tests.services.s3 import S3Server


@pytest.fixture
def place(s3_server: S3Server, tmp_path: Path) -> Place:
    return Place(s3_server, tmp_path)


def test_prefixes_of_days_cost_three_requests_whatever_lies_there(place: Place) -> None:
    days, each = 365, 2
    planted(place, map(of_day, range(days)), each=each)
    assert place.tick() == []
    assert place.requests <= 1 + days * each * KEYS / 1000
    for _ in range(4):
        assert place.tick() == []
        assert 1 <= place.requests <= 3
    assert place.tick(FULL_LISTING_SECONDS) == []
    assert place.requests > 3


@pytest.mark.slow
def test_so_many_exports_that_a_look_takes_three_ticks_cost_no_more(place: Place) -> None:
    """100,010 of them, of one file each: what a look at everything costs follows from their number."""
    days, each = 365, 274
    planted(place, map(of_day, range(days)), each=each, files=(SUMMARY_NAME,))
    requests = list[int]()
    for _ in range(3):
        assert place.tick() == []
        requests.append(place.requests)
    assert place.cursor.round is None
    assert requests[:2] == [LIMITS.share_requests] * 2
    assert days * each / 1000 - 1 <= sum(requests) <= 1 + days * each / 1000
    today = export_id(days - 1, each)
    place.land(today, of_day(days - 1))
    for _ in range(3):
        assert place.tick() == [today]
        assert 1 <= place.requests <= 3


def test_what_arrives_today_and_on_the_next_day_is_seen_at_once(place: Place) -> None:
    days = 365
    planted(place, map(of_day, range(days)), each=2)
    place.tick()
    today = export_id(days - 1, 7)
    place.land(today, of_day(days - 1))
    assert place.tick() == [today]
    place.settled = [today]
    place.settle()
    for day in (days, days + 1):
        arrived = export_id(day, 0)
        place.land(arrived, of_day(day))
        assert place.tick() == [arrived]
        place.settled = [arrived]
        place.settle()
        assert place.tick() == []
        assert place.requests <= 3


def test_an_export_below_an_older_prefix_is_seen_when_its_turn_comes_and_then_at_every_look(place: Place) -> None:
    """Its manifests land one by one: whoever waits for more has to see it at each look."""
    days = 365
    planted(place, map(of_day, range(days)), each=2)
    place.tick()
    late = export_id(days, 0)
    place.land(late, of_day(days - LIMITS.prefixes), files=(STARTED_NAME,))
    for _ in range(2 * LIMITS.prefixes):
        assert place.tick() == []
        assert place.requests <= 3 + len(place.cursor.prefixes.held)
    assert place.cursor.prefixes.held == {of_day(days - LIMITS.prefixes)}
    place.land(late, of_day(days - LIMITS.prefixes))
    assert place.tick() == [late]


def test_a_new_folder_before_the_last_prefix_is_looked_into_within_a_minute(place: Place) -> None:
    """A look at everything is begun for it, and none for a new day's prefix or for what was there."""
    days = 365
    planted(place, map(of_day, range(days)), each=2)
    assert [*place.tick(), *place.tick()] == []
    for after_seconds in (55, 5):
        assert place.tick(after_seconds) == []
        assert place.requests <= 3
    arrived = export_id(days, 0)
    place.land(arrived, "1/exports/")
    assert place.tick() == []
    assert place.requests <= 3
    assert place.cursor.prefixes.has_new_folder
    assert place.tick() == [arrived]
    place.settled = [arrived]
    place.settle()
    for day in (days, days + 1):
        place.land(export_id(day, 1), of_day(day))
        assert place.tick(61) == [export_id(number, 1) for number in range(days, day + 1)]
        assert place.requests <= 4
        assert not place.cursor.prefixes.has_new_folder


def test_a_copy_with_an_old_id_is_found_by_the_next_look_at_everything(place: Place) -> None:
    planted(place, map(of_day, range(365)), each=2)
    place.tick()
    copied = export_id(3, 8)
    place.land(copied, of_day(3))
    assert place.tick() == []
    assert place.tick(FULL_LISTING_SECONDS) == [copied]
    assert place.tick() == [copied]  # the position was taken back, and its prefix is looked below


def test_each_of_three_prefixes_is_seen_at_every_second_look(place: Place) -> None:
    """The one that comes last is looked below at every look, though the newest export lies below another."""
    prefixes = ("daily/", "hourly/", "weekly/")
    planted(place, [prefixes[day % 3] for day in range(99)], each=8)
    place.tick()
    for day, prefix in enumerate(prefixes, 99):
        arrived = export_id(day, 0)
        place.land(arrived, prefix)
        assert arrived in {*place.tick(), *place.tick()}
        assert place.requests <= 3
        place.settled = [arrived]
        place.settle()


def test_exports_without_a_prefix_behind_those_of_days_cost_three_requests(place: Place) -> None:
    """Their keys begin with `AWSDynamoDB`, which comes after all days."""
    days = 365
    planted(place, [*map(of_day, range(days)), ""], each=2)
    assert [*place.tick(), *place.tick()] == []
    assert place.requests <= 3
    arrived = export_id(days, 5)
    place.land(arrived, "")
    assert place.tick() == [arrived]
    assert place.requests <= 3


def test_a_small_place_is_looked_through_as_a_whole(place: Place) -> None:
    planted(place, map(of_day, range(20)), each=4)
    place.tick()
    arrived = export_id(20, 0)
    place.land(arrived, "0/below/another/")
    assert place.tick() == [arrived]
    assert place.requests <= 3

"""When arrivals are looked for next: soon while something happens or waits, later the longer nothing has."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.triggers.debounce import DebounceState
from medallion_assets.triggers.file_arrival import ArrivalCursor
from medallion_assets.triggers.next_look import seconds_until_next_look
from medallion_assets.triggers.prefixes import Prefixes
from medallion_assets.triggers.rounds import Round

NOW = datetime(2025, 1, 1, tzinfo=UTC)
WAITS = DebounceState(signature="exports")
ROUND = Round(began_at=NOW, after="a/")


def quiet_for(**time: float) -> ArrivalCursor:
    return ArrivalCursor(changed_at=NOW - timedelta(**time))


@pytest.mark.parametrize(
    ("cursor", "seconds"),
    [
        (ArrivalCursor(), 5),
        (quiet_for(seconds=0), 5),
        (quiet_for(minutes=20), 5),
        (quiet_for(hours=1), 15),
        (quiet_for(hours=2), 30),
        (quiet_for(days=30), 10_800),
        (quiet_for(hours=-1), 5),  # the clock was set back
    ],
)
def test_the_longer_nothing_happened_the_later_is_the_next_look(cursor: ArrivalCursor, seconds: float) -> None:
    assert seconds_until_next_look(NOW, cursor, is_told=False) == seconds
    assert seconds_until_next_look(NOW, cursor, is_told=True) == math.inf


@pytest.mark.parametrize("is_told", [False, True])
def test_a_look_at_everything_goes_on_soon_and_begins_soon_for_a_new_folder(is_told: bool) -> None:
    for cursor in (ArrivalCursor(round=ROUND), ArrivalCursor(prefixes=Prefixes(has_new_folder=True))):
        quiet = replace(cursor, changed_at=NOW - timedelta(days=1))
        assert seconds_until_next_look(NOW, quiet, is_told=is_told) == 5


@pytest.mark.parametrize("is_told", [False, True])
def test_while_something_waits_it_is_looked_at_soon_until_asking_has_an_end(is_told: bool) -> None:
    cursor = replace(quiet_for(days=1), state=WAITS)
    assert seconds_until_next_look(NOW, cursor, is_told=is_told) == 5
    assert seconds_until_next_look(NOW, replace(cursor, state=replace(WAITS, given_up=True)), is_told=is_told) > 5

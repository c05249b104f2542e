"""The legs of a run, from the events that Dagster's GraphQL gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.legs import LEGS, Moments, moments_of, seconds_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVENTS = [
    ("RunEnqueuedEvent", 1.0, ""),
    ("RunDequeuedEvent", 2.0, ""),
    ("RunStartingEvent", 3.0, ""),
    ("EngineEvent", 3.5, "Process 7 on here carries out this run."),
    ("EngineEvent", 6.0, "Started process for run (pid: 7)."),
    ("RunStartEvent", 10.0, ""),
    ("EngineEvent", 11.0, "Executing steps in process (pid: 7)"),
]
MOMENTS = Moments(
    asked_at=NOON + timedelta(seconds=1),
    left_queue_at=NOON + timedelta(seconds=3),
    first_word_at=NOON + timedelta(seconds=6),
    began_at=NOON + timedelta(seconds=10),
)


def test_moments_are_those_of_the_events() -> None:
    events = [
        {"__typename": kind, "timestamp": str(int((NOON.timestamp() + second) * 1000)), "message": message}
        for kind, second, message in EVENTS
    ]
    assert moments_of(events) == MOMENTS


@pytest.mark.parametrize(("before", "tick"), [(0, 1.0), (-4, 5.0), (2.5, 0.0)])
def test_legs_follow_one_another(before: float, tick: float) -> None:
    """Also where a run was asked for before there was what it closed with."""
    found = seconds_of(NOON + timedelta(seconds=before), MOMENTS, NOON + timedelta(seconds=15))
    assert list(found) == list(LEGS)
    assert list(found.values()) == [tick, 2.0, 3.0, 4.0, 5.0]

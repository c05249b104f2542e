"""The legs of a run: from what it was to see to its last word, by the moments that Dagster's events name.

Belongs here: reading these moments, and the seconds between them.
Does not: which runs count, or goals (latency.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from medallion_assets_tests.services.daemon import Deployment

LEGS = ("tick to queue", "queue", "launch to first word", "first word to start", "work")
"""In order: a sensor sees what is there and asks for a run; the run waits for its turn; it gets a process, which says
that it is there; that process loads what it needs; the stages."""
FIRST_WORD = "Started process for run"
EVENTS = """query ($run: ID!) { runOrError(runId: $run) { ... on Run { eventConnection {
  events { __typename ... on MessageEvent { timestamp message } } } } } }"""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """When a run was asked for, left the queue, said its first word, and began its first stage; UTC."""

    asked_at: datetime
    left_queue_at: datetime
    first_word_at: datetime
    began_at: datetime


def read_moments(deployment: Deployment, run_id: str) -> Moments:
    """The moments of a run that has begun."""
    return moments_of(deployment.ask(EVENTS, run=run_id)["runOrError"]["eventConnection"]["events"])


def moments_of(events: Sequence[Mapping[str, Any]]) -> Moments:
    """The moments that events of a run tell of, as GraphQL gives them: kind, message, UNIX milliseconds."""
    at = {event["__typename"]: _at(event) for event in reversed(events)}  # of several the first
    words = [_at(event) for event in events if event["message"].startswith(FIRST_WORD)]
    return Moments(
        asked_at=at["RunEnqueuedEvent"],
        left_queue_at=at["RunStartingEvent"],
        first_word_at=words[0],
        began_at=at["RunStartEvent"],
    )


def seconds_of(since: datetime, moments: Moments, until: datetime) -> dict[str, float]:
    """The seconds of each leg, from `since`, when there was something to see, `until` the work was done.

    A run that was asked for before took nothing to be asked for.
    """
    stops = (since, moments.asked_at, moments.left_queue_at, moments.first_word_at, moments.began_at, until)
    legs = [(after - before).total_seconds() for before, after in pairwise(stops)]
    return dict(zip(LEGS, [max(legs[0], 0.0), *legs[1:]], strict=True))


def _at(event: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(event["timestamp"]) / 1000, UTC)

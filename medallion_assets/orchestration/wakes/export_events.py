"""Export events: a thread of the daemon that asks a queue what was created, and wakes the sensors of arrivals.

Belongs here: what is worth a wake, and what follows when the queue does not answer.
Does not: the queue and its messages, or what has arrived, which the sensors find by listing.

A message is deleted once its wake was said, whatever it says: the queue is this deployment's alone. So one that makes
no sense holds up no other. One that was not deleted comes again, and is a look more. While the queue does not answer,
the sensors are woken as often as they look without one; what is wrong is noted for health and alerts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Protocol

import dagster as dg

from medallion_assets.errors import MedallionError
from medallion_assets.orchestration.wakes.arrivals import wake_arrivals
from medallion_assets.orchestration.wakes.event_notes import EventNotes
from medallion_assets.settings.looks import LOOP_SECONDS
from medallion_assets.sources.dynamodb_export.manifest import MANIFESTS, ROOT
from medallion_assets.storage.object_events import Created, QueueMessage, created_in

LOG = logging.getLogger(__name__)


class Receiving(Protocol):
    """A queue of messages."""

    def receive(self) -> list[QueueMessage]:
        """The next messages; it may wait for them."""

    def delete(self, messages: list[QueueMessage]) -> None:
        """Delete some that were received together."""


class ExportEvents:
    """Wakes sensors for exports below `raw_url` (`s3://bucket/prefix`) of which a queue tells.

    `clock` gives UNIX seconds.
    """

    def __init__(
        self, instance: dg.DagsterInstance, queue: Receiving, raw_url: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._instance = instance
        self._queue = queue
        self._raw_url = raw_url
        self._clock = clock
        self._notes = EventNotes(instance.run_storage)

    def listen(self, stop: threading.Event) -> None:
        """Ask again and again, until `stop` is set."""
        while not stop.is_set():
            if not self.ask():
                stop.wait(LOOP_SECONDS)

    def ask(self) -> bool:
        """Ask once; whether the queue answered."""
        problem = ""
        try:
            messages = self._queue.receive()
            if worth_a_wake(messages, self._raw_url):
                wake_arrivals(self._instance)
            self._queue.delete(messages)
        except MedallionError as error:
            problem = str(error)
            LOG.warning("exports are looked for every %d s: %s", LOOP_SECONDS, problem)
            wake_arrivals(self._instance)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            LOG.exception("exports are looked for every %d s", LOOP_SECONDS)
            wake_arrivals(self._instance)
        self._note(problem)
        return not problem

    def _note(self, problem: str) -> None:
        try:
            self._notes.note(problem, self._clock())
        except Exception:
            LOG.exception("how the queue is could not be noted")


def worth_a_wake(messages: Collection[QueueMessage], raw_url: str) -> bool:
    """Whether one of some messages tells of an object with which an export below a place may be complete."""
    return any(may_complete(created, raw_url) for message in messages for created in created_in(message.body))


def may_complete(created: Created, raw_url: str) -> bool:
    """Whether an export, or a file that is one by itself, may be there now that an object is.

    DynamoDB writes the data of an export first, then its manifests.
    """
    if not f"s3://{created.bucket}/{created.key}".startswith(f"{raw_url}/"):
        return False
    *folders, name = created.key.split("/")
    return ROOT not in folders or name.startswith(MANIFESTS)

"""Pipes over the object store: Dagster's side of a remote attempt.

Belongs here: the request that is written to the attempt's place, and messages that are read from it while they come.
Does not: what they mean, or the other side.

Pipes' own reader for object stores takes one object every 10 seconds, and gives up 10 seconds after the end: a run that
finds a job which has worked for an hour would not catch up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import dagster as dg
from dagster_pipes import PipesContextData, PipesParams

from medallion_assets.errors import TransientError
from medallion_assets.orchestration.remote.attempts import RemoteAttempt
from medallion_assets.orchestration.runs.processes import RunProcess
from medallion_assets.remote.messages import Ended, received
from medallion_assets.remote.place import REQUEST
from medallion_assets.stages.reports import Report

FOR_HANDLER = frozenset({"opened", "closed", "log"})
"""What Dagster's own handler is given. Reports go through this project's, as those of local stages do."""


class RequestInjector(dg.PipesContextInjector):
    """Writes the request, unless the attempt is known: then its process was given it."""

    def __init__(self, attempt: RemoteAttempt) -> None:
        self._attempt = attempt

    @contextmanager
    def inject_context(self, context_data: PipesContextData) -> Iterator[PipesParams]:
        """Put it at the attempt's place, which is all that the other side needs to know."""
        if not self._attempt.is_known:
            self._attempt.place.write_once(REQUEST, context_data)
        yield {}

    def no_messages_debug_text(self) -> str:
        """Where a person looks."""
        return f"The request is at {self._attempt.place.url}/{REQUEST}."


class MessageReader(dg.PipesMessageReader):
    """Reads messages as they come, in a thread of its own; all of them once the session ends."""

    def __init__(self, attempt: RemoteAttempt, poll_seconds: float) -> None:
        self._place = attempt.place
        self._poll_seconds = poll_seconds
        self._messages: list[dict[str, Any]] = []

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        """Hand lines and the like on to Dagster while they come."""
        self._take(handler)
        is_over = Event()
        thread = Thread(target=self._follow, args=(handler, is_over), daemon=True)
        thread.start()
        try:
            yield {}
        finally:
            is_over.set()
            thread.join()
            self._take(handler)

    @property
    def expected_writer_count(self) -> int:
        """One process; Dagster's own answer comes with a warning that it is a preview."""
        return 1

    def no_messages_debug_text(self) -> str:
        """Where a person looks."""
        return f"Messages are at {self._place.url}."

    @property
    def has_ended(self) -> bool:
        """Whether the process has said its last word."""
        return any(isinstance(report, Ended) for report in self.reports())

    @property
    def process(self) -> RunProcess | None:
        """The process, as it named itself; None before its first message."""
        for message in self._messages:
            if message["method"] == "opened":
                extras = message["params"]["extras"]
                return RunProcess(pid=extras["pid"], host=extras["host"], noted_at=extras["began"])
        return None

    def reports(self) -> Iterator[Report | Ended]:
        """What the stage has reported, in order."""
        return received(iter(self._messages))

    def _follow(self, handler: dg.PipesMessageHandler, is_over: Event) -> None:
        while not is_over.wait(self._poll_seconds):
            try:
                self._take(handler)
            except TransientError:
                continue  # once it is over they are asked for again, and an error is raised

    def _take(self, handler: dg.PipesMessageHandler) -> None:
        for message in self._place.messages(after=len(self._messages)):
            self._messages.append(message)
            if message["method"] in FOR_HANDLER:
                handler.handle_message(message)  # type: ignore[arg-type]

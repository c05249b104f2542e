"""Pipes over the object store: the side of the remote process.

Belongs here: a context that is loaded from a remote place, and messages that are written to it.
Does not: what they say.

Pipes' own writers for object stores upload in a thread, every 10 seconds, and lose without a word what cannot be
uploaded; this one writes at once, tries again, and fails the stage.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import psutil  # type: ignore[import-untyped]
from dagster_pipes import (
    PipesContext,
    PipesContextData,
    PipesContextLoader,
    PipesMessage,
    PipesMessageWriter,
    PipesMessageWriterChannel,
    PipesParams,
    PipesParamsLoader,
)

from medallion_assets.errors import PermanentError
from medallion_assets.remote.place import REQUEST, RemotePlace, message_name
from medallion_assets.stages.work import Repeating

WRITING = Repeating(attempts=5, first_wait_seconds=1.0)


@dataclass
class _Channel(PipesMessageWriterChannel):
    place: RemotePlace
    written: int = 0
    lost: list[str] = field(default_factory=list)

    def write_message(self, message: PipesMessage) -> None:
        """Write it before anything else happens; one that a signal cut off may lie there, and has its number then."""
        number = self.written + 1
        name = message_name(number)
        try:
            WRITING.run(lambda: self.place.write_once(name, message), self.lost.append)
            self.written = number
        except BaseException as error:
            if not isinstance(error, Exception) and self.place.read(name) is not None:
                self.written = number
            raise


@dataclass
class _AtPlace(PipesParamsLoader, PipesContextLoader, PipesMessageWriter[_Channel]):
    """All that Pipes asks for, from one place."""

    place: RemotePlace

    def is_dagster_pipes_process(self) -> bool:
        """It is: it was told its place."""
        return True

    def load_context_params(self) -> PipesParams:
        """The place is all that is needed."""
        return {}

    def load_messages_params(self) -> PipesParams:
        """The place is all that is needed."""
        return {}

    @contextmanager
    def load_context(self, params: PipesParams) -> Iterator[PipesContextData]:
        """What Dagster has put there."""
        del params
        said = self.place.read(REQUEST)
        if said is None:
            raise PermanentError(
                f"there is no request at {self.place.url}",
                expected=f"{REQUEST}, which Dagster writes before it starts this process",
                found="nothing",
                do="give this process the same AWS variables and access to that place as Dagster has",
            )
        yield cast("PipesContextData", said)

    @contextmanager
    def open(self, params: PipesParams) -> Iterator[_Channel]:
        """The messages of this process; another one that was there before stops it at the first."""
        del params
        yield _Channel(self.place)

    def get_opened_extras(self) -> dict[str, Any]:
        """Which process this is: a Dagster that was started anew looks whether it still lives."""
        process = psutil.Process()
        return {"host": socket.gethostname(), "pid": os.getpid(), "began": process.create_time()}


def open_pipes(place: RemotePlace) -> PipesContext:
    """The context of this process, with Dagster's request in it.

    Raises:
        PermanentError: there is no request, or another process is at work at that place.
    """
    at_place = _AtPlace(place)
    return PipesContext(at_place, at_place, at_place)

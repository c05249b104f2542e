"""How the queue of export events is, as the daemon notes it in Dagster's storage for others to see.

Belongs here: the note, and what health says of it.
Does not: asking the queue, the alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dagster as dg

from medallion_assets.contracts.documents import from_json_or_none, to_json
from medallion_assets.errors import TransientError
from medallion_assets.errors.pages import page

NAME = "medallion/export_events"
NOTE_SECONDS = 60.0
"""While nothing changes it is noted so often."""
SILENT_SECONDS = 180.0
"""The queue is asked three times a minute: whoever has noted nothing for so long does not ask."""
DO = (
    f"see the queue's permissions ({page('production.md')}) and the daemon's log; until then arrivals are looked for "
    "every 5 s, or every MEDALLION_ARRIVALS_SECONDS if the daemon does not poll at all"
)


@dataclass(frozen=True, kw_only=True)
class EventNote:
    """When the queue was asked last, what was wrong then (empty: nothing), and since when it is so (UNIX seconds)."""

    at: float
    problem: str
    since: float

    def problem_at(self, now: float) -> str:
        """What is wrong now; empty where nothing is."""
        silent = now - self.at
        return f"the daemon has not polled the queue for {silent:.0f} s" if silent > SILENT_SECONDS else self.problem

    def seconds_at(self, now: float) -> float:
        """How long it has been so."""
        return now - (self.since if self.problem else self.at)


class EventNotes:
    """The note in a Dagster instance's storage (`instance.run_storage`)."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._last: EventNote | None = None

    def note(self, problem: str, now: float) -> None:
        """Note how the queue is, if it is otherwise than it was, or the last note is old."""
        last = self._last
        is_same = last is not None and bool(last.problem) == bool(problem)
        if last is not None and is_same and 0 <= now - last.at < NOTE_SECONDS:
            return
        note = EventNote(at=now, problem=problem, since=last.since if last is not None and is_same else now)
        self._storage.set_cursor_values({NAME: to_json(note)})
        self._last = note

    def read(self) -> EventNote | None:
        """The last note; None while there is none."""
        return from_json_or_none(EventNote, self._storage.get_cursor_values({NAME}).get(NAME))


def expect_asked(queue_url: str, now: float) -> str:
    """See that the daemon of the instance in $DAGSTER_HOME asks a queue, and is answered: what was found.

    Raises:
        TransientError: it does not, or is not.
    """
    if not queue_url:
        return "no queue is set: arrivals are found by listing"
    with dg.DagsterInstance.get() as instance:
        note = EventNotes(instance.run_storage).read()
    problem = "the daemon has never polled the queue" if note is None else note.problem_at(now)
    if problem:
        raise TransientError(problem, do=DO)
    return f"{queue_url} answers"

"""Watching: a remote process ends when nobody waits for it any more.

Belongs here: looking for the mark of the end at its place, and ending this process.
Does not: what a process does that is told to end (`__main__`), or who writes the mark.

A signal reaches the program that Dagster started, which may be `ssh` or `docker run` and hands on nothing. The object
store reaches every process that has a place in it, on whatever machine.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from medallion_assets.errors import MedallionError
from medallion_assets.remote.place import RemotePlace

ENDING_SECONDS = 20.0
"""How long a process that is told to end may take to come to a commit, or away from one."""


@contextmanager
def ended_with(place: RemotePlace, look_seconds: float) -> Iterator[None]:
    """While the block runs: this process gets SIGINT once the attempt is over, and SIGKILL if it goes on regardless."""
    is_done = Event()
    Thread(target=_watch, args=(place, look_seconds, is_done), name="watch-for-end", daemon=True).start()
    try:
        yield
    finally:
        is_done.set()


def _watch(place: RemotePlace, look_seconds: float, is_done: Event) -> None:
    while not is_done.wait(look_seconds):
        if _is_over(place):
            os.kill(os.getpid(), signal.SIGINT)
            if not is_done.wait(ENDING_SECONDS):
                os.kill(os.getpid(), signal.SIGKILL)
            return


def _is_over(place: RemotePlace) -> bool:
    """A store that does not answer says nothing; whoever needs it for the work finds that out."""
    try:
        return place.is_over
    except MedallionError:
        return False

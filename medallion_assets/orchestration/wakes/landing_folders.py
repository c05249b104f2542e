"""Landing folders: a thread of the daemon that sees when something is put where exports lie on a disk.

Belongs here: which folders these are, seeing once a second that one has changed, and the wake that follows.
Does not: what has arrived, which the sensors find by listing; buckets, which tell of it themselves (export_events.py).

A folder's time changes when an entry comes or goes, on any system and on mounted disks. So nothing is listed but what
has changed, and a second costs a stat of each folder; no export folder is looked into. What is missed costs a sensor's
own interval: a file that is written over in its place, what lies below the MOST first folders, what came at the moment
of the look before.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg

from medallion_assets.orchestration.wakes.arrivals import wake_arrivals
from medallion_assets.sources.dynamodb_export.manifest import ROOT

LOOK_SECONDS = 1.0
MOST = 1_000
"""So many folders are looked at: 2 ms a second then."""


class LandingFolders:
    """The folders below a place, an absolute path, into which exports and files are put."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._times = dict(_below(place))

    def have_changed(self) -> bool:
        """Whether an entry of one of them has come or gone since this was asked last."""
        changed = [folder for folder in self._times or [self._place] if _time(folder) != self._times.get(folder)]
        for folder in changed:
            self._times.pop(folder, None)
            for name, seen in _below(folder):
                if len(self._times) < MOST:
                    self._times[name] = seen
        return bool(changed)

    def watch(self, instance: dg.DagsterInstance, stop: threading.Event) -> None:
        """Look again and again, and wake the sensors of arrivals, until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            if self.have_changed():
                wake_arrivals(instance)


def _below(folder: str) -> Iterator[tuple[str, int]]:
    """A folder and those below it, with the time of each; what is in one named AWSDynamoDB is no such folder."""
    waiting, found = [folder], 0
    while waiting and found < MOST:
        folder = waiting.pop(0)
        if (seen := _time(folder)) is None:
            continue
        found += 1
        yield folder, seen
        if Path(folder).name != ROOT:
            with suppress(OSError), os.scandir(folder) as entries:
                waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _time(folder: str) -> int | None:
    """When an entry came or went last; None where there is no such folder."""
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 - a path for each would cost three times as much
    except OSError:
        return None

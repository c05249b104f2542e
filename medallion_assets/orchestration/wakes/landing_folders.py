"""Landing folders: a thread of the daemon that sees when something is put where exports lie on a disk.

Belongs here: which folders these are, seeing once a second that one has changed, and the wake that follows.
Does not: what has arrived, which the sensors find by listing; buckets, which tell of it themselves.

A folder's time changes when an entry comes or goes, on any system and on mounted disks. So nothing is listed but what
has changed, and a second costs a stat of each folder; no export folder is looked into. What is missed costs a sensor's
own interval: a file that is written over in its place, what comes into a folder beside the MOST that changed last (of
prefixes by date these are the newest), what came at the moment of the look before.
"""

from __future__ import annotations

import heapq
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import dagster as dg

from medallion_assets.orchestration.wakes.arrivals import wake_arrivals
from medallion_assets.sources.dynamodb_export.manifest import ROOT

LOOK_SECONDS = 1.0
MOST = 1_000
"""So many folders are looked at: 2 ms a second then."""


class LandingFolders:
    """The folders below a place, an absolute path, into which exports and files are put; `most` are looked at."""

    def __init__(self, place: str, *, most: int = MOST) -> None:
        self._place = place
        self._most = most
        self._times = dict(_below(place, most))

    def have_changed(self) -> bool:
        """Whether an entry of one of them has come or gone since this was asked last."""
        changed = [folder for folder in self._times or [self._place] if _time(folder) != self._times.get(folder)]
        for folder in changed:
            self._times.pop(folder, None)
            self._times.update(_below(folder, self._most))
        self._times = _newest(self._times, self._most)
        return bool(changed)

    def watch(self, instance: dg.DagsterInstance, stop: threading.Event) -> None:
        """Look again and again, and wake the sensors of arrivals, until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            if self.have_changed():
                wake_arrivals(instance)


def _below(folder: str, most: int) -> Iterator[tuple[str, int]]:
    """A folder and those below it, with the time of each; what is in one named AWSDynamoDB is no such folder.

    Of more than `most` those that changed last, as far as their parents did.
    """
    waiting, found = [(0, folder)], 0
    while waiting and found < most:
        _, folder = heapq.heappop(waiting)
        if (seen := _time(folder)) is None:
            continue
        found += 1
        yield folder, seen
        if Path(folder).name != ROOT:
            with suppress(OSError), os.scandir(folder) as entries:
                for below in (entry.path for entry in entries if entry.is_dir(follow_symlinks=False)):
                    heapq.heappush(waiting, (-(_time(below) or 0), below))


def _newest(times: Mapping[str, int], most: int) -> dict[str, int]:
    """Those that changed last, `most` of them, each with the folders above it: in these its siblings appear."""
    if len(times) <= most:
        return dict(times)
    kept = dict[str, int]()
    for folder in sorted(times, key=times.__getitem__, reverse=True):
        way = {above: times[above] for above in (folder, *map(str, Path(folder).parents)) if above in times}
        if len(kept.keys() | way.keys()) <= most:
            kept |= way
    return kept


def _time(folder: str) -> int | None:
    """When an entry came or went last; None where there is no such folder."""
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 - a path for each would cost three times as much
    except OSError:
        return None

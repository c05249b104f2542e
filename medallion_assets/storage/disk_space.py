"""Disk space: which places have too little of it left for runs to go on.

Belongs here: what is left at a place, in bytes and in files, and whether what comes fits there. Does not: freeing any,
or a disk that is full already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from medallion_assets.errors import DiskFullError, SettingsError
from medallion_assets.settings import load_settings

LEAST_BYTES = 200_000_000
LEAST_FILES = 1_000


@dataclass(frozen=True)
class Room:
    """What is left at a place."""

    name: str
    place: str
    free_bytes: int
    free_files: int

    @property
    def is_enough(self) -> bool:
        """Whether runs can go on there."""
        return self.free_bytes >= LEAST_BYTES and self.free_files >= LEAST_FILES

    def __str__(self) -> str:
        files = "" if self.free_files >= LEAST_FILES else f", {self.free_files:,} files"
        return f"{self.name} ({self.place}): {self.free_bytes / 1e9:.1f} GB{files} free"


def room_for_runs(environment: Mapping[str, str]) -> list[Room]:
    """What is left where Dagster, the runs and the tables of a deployment write, by its variables."""
    places = {"DAGSTER_HOME": environment.get("DAGSTER_HOME"), "temporary files": gettempdir()}
    with suppress(SettingsError):  # whoever reads the settings says what is wrong with them
        places["lakehouse"] = load_settings(environment).lakehouse_url
    return room_at(places)


def room_at(places: Mapping[str, str | None]) -> list[Room]:
    """What is left at local places, by name; those that are unknown or URLs are left out, as nobody here can know."""
    return [_room(name, place) for name, place in places.items() if place and "://" not in place]


def expect_room(folder: Path, needed_bytes: int, *, what: str) -> None:
    """Refuse to begin with what does not fit into a folder, or leaves less than runs need.

    Raises:
        DiskFullError: with how much is needed, and how much there is.
    """
    room = _room("the disk", str(folder))
    if room.free_bytes < needed_bytes + LEAST_BYTES:
        raise DiskFullError(
            f"{what} does not fit on the disk",
            expected=f"{(needed_bytes + LEAST_BYTES) / 1e9:.1f} GB free, {needed_bytes / 1e9:.1f} GB of them for it",
            found=str(room),
            do="free space there, or name a folder on a larger disk: TMPDIR is that of runs",
        )


def _room(name: str, place: str) -> Room:
    path = Path(place)
    while not path.exists():  # it is made later, in the nearest folder above it that is there
        path = path.parent
    found = os.statvfs(path)
    files = found.f_favail if found.f_files else sys.maxsize  # some file systems do not count them
    return Room(name=name, place=place, free_bytes=found.f_bavail * found.f_frsize, free_files=files)

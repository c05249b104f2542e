"""Strays: files that lie where no table looks for them.

Belongs here: finding some of them in a few requests, however much lies there.
Does not: which folder would be right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice

from obstore.store import ObjectStore

from medallion_assets.contracts.place import OBJECTS_LOOKED_AT, Stray
from medallion_assets.storage.listing import list_objects


def find_strays(place: ObjectStore, tables: Collection[str], is_ours: Callable[[str], bool]) -> list[Stray]:
    """The folders of the place, or the place itself, in which files lie that `is_ours` says yes to, by their names.

    A folder of the place, or one called like a table at any depth below it.

    Raises:
        PermanentError: the place is not there, or cannot be listed.
        TransientError: the store did not answer.
    """
    folders: dict[str, None] = {}

    def needs_no_look(key: str) -> str | None:
        """A table's own folder, and one in which one was found."""
        folder = _folder_of(key, tables)
        return folder if folder in tables or (folder and folder in folders) else None

    for stored in islice(list_objects(place, passed_over=needs_no_look), OBJECTS_LOOKED_AT):
        folder = _folder_of(stored.key, tables)
        if folder not in tables and is_ours(stored.key.removeprefix(f"{folder}/")):
            folders[folder] = None
    return [Stray(folder=folder) for folder in folders]


def _folder_of(key: str, tables: Collection[str]) -> str:
    """The folder of the place that a file lies in, or the first one on its way that is called like a table."""
    way = key.split("/")[:-1]
    depth = next((depth for depth, folder in enumerate(way, start=1) if folder in tables), 1)
    return "/".join(way[:depth])

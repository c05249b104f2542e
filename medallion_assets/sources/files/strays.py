"""Strays: files that lie where no table looks for them.

Belongs here: finding some of them in a few requests, however much lies there.
Does not: which folder would be right (refining.loading.raw_place).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice

from obstore.store import ObjectStore

from medallion_assets.contracts.place import OBJECTS_LOOKED_AT, Stray
from medallion_assets.storage.listing import list_objects


def find_strays(place: ObjectStore, tables: Collection[str], is_ours: Callable[[str], bool]) -> list[Stray]:
    """The folders of the place, or the place itself, in which files lie that `is_ours` says yes to, by their names.

    Raises:
        PermanentError: the place is not there, or cannot be listed.
        TransientError: the store did not answer.
    """

    def of_table(key: str) -> str | None:
        folder = key.partition("/")[0]
        return folder if folder in tables else None

    folders: dict[str, None] = {}
    for stored in islice(list_objects(place, passed_over=of_table), OBJECTS_LOOKED_AT):
        folder, slash, name = stored.key.partition("/")
        if not slash and is_ours(stored.key):
            folders[""] = None
        elif slash and folder not in tables and is_ours(name):
            folders[folder] = None
    return [Stray(folder=folder) for folder in folders]

"""Strays: exports that lie where no table looks for them.

Belongs here: finding some of them in a few requests, however much lies there.
Does not: which folder would be right, or every export below a URL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice

from obstore.store import ObjectStore

from medallion_assets.contracts.place import FOLDERS_LOOKED_INTO, OBJECTS_LOOKED_AT, Stray
from medallion_assets.contracts.source import Found
from medallion_assets.sources.dynamodb_export.manifest import EXPORT_ID, ROOT, SUMMARY_NAME
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError
from medallion_assets.storage.listing import list_folders, list_objects

_SUMMARY = re.compile(rf"(?P<prefix>(?:.*/)?){ROOT}/(?P<id>{EXPORT_ID})/{re.escape(SUMMARY_NAME)}", re.DOTALL)


def find_strays(place: ObjectStore, tables: Collection[str]) -> list[Stray]:
    """The first export in each folder of the place that is no table's own, of some folders.

    Of those within them that are called like a table as well: one of them is the first, and the others lie beside it.

    Raises:
        PermanentError: the place is not there, or cannot be listed.
        TransientError: the store did not answer.
    """
    folders = sorted(set(list_folders(place, "")) - set(tables), key=lambda folder: (folder != ROOT, folder))
    first = {folder: _stray_in(place, folder) for folder in folders[:FOLDERS_LOOKED_INTO]}
    own = (beside for folder, stray in first.items() for beside in _called_like_tables(place, folder, stray, tables))
    beside = (_stray_in(place, folder) for folder in islice(own, FOLDERS_LOOKED_INTO))
    return [stray for stray in (*first.values(), *beside) if stray is not None]


def _stray_in(place: ObjectStore, folder: str) -> Stray | None:
    for stored in islice(list_objects(place, folder), OBJECTS_LOOKED_AT):
        if summary := _SUMMARY.fullmatch(stored.key):
            export = Found(id=summary["id"], prefix=summary["prefix"], fingerprint="")
            return Stray(folder=summary["prefix"].rstrip("/"), table=_table_of(place, export))
    return None


def _called_like_tables(place: ObjectStore, folder: str, first: Stray | None, tables: Collection[str]) -> Iterator[str]:
    """The folders called like tables in a folder, and in each on the way to its first export; not what that lies in."""
    if folder == ROOT:
        return
    found = folder if first is None else first.folder
    way = found.split("/")
    for depth in range(1, max(len(way), 2)):
        for inner in list_folders(place, "/".join(way[:depth])):
            if inner.rpartition("/")[2] in tables and not f"{found}/".startswith(f"{inner}/"):
                yield inner


def _table_of(place: ObjectStore, export: Found) -> str | None:
    try:
        return read_export(place, export).table_name
    except ExportRefusedError as refused:
        return refused.table

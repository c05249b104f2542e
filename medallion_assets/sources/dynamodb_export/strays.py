"""Strays: exports that lie where no table looks for them.

Belongs here: finding some of them in a few requests, however much lies there.
Does not: which folder would be right (refining.loading.raw_place), or every export below a URL
(operations.exports.report).
"""

from __future__ import annotations

import re
from collections.abc import Collection
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

    Raises:
        PermanentError: the place is not there, or cannot be listed.
        TransientError: the store did not answer.
    """
    folders = sorted(set(list_folders(place, "")) - set(tables), key=lambda folder: (folder != ROOT, folder))
    found = (_stray_in(place, folder) for folder in folders[:FOLDERS_LOOKED_INTO])
    return [stray for stray in found if stray is not None]


def _stray_in(place: ObjectStore, folder: str) -> Stray | None:
    for stored in islice(list_objects(place, folder), OBJECTS_LOOKED_AT):
        if summary := _SUMMARY.fullmatch(stored.key):
            export = Found(id=summary["id"], prefix=summary["prefix"], fingerprint="")
            return Stray(folder=summary["prefix"].rstrip("/"), table=_table_of(place, export))
    return None


def _table_of(place: ObjectStore, export: Found) -> str | None:
    try:
        return read_export(place, export).table_name
    except ExportRefusedError as refused:
        return refused.table

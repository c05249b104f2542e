"""Samples: whether a lakehouse holds samples: batches that were written here.

Belongs here: telling them apart, and marking the lakehouse before the first one is loaded.
Does not: the mark itself, or what may be done with samples (publishing).
"""

from __future__ import annotations

from datetime import datetime

from medallion_assets.contracts.batch import Batch
from medallion_assets.contracts.samples import is_sample, origin_of, sample_owner
from medallion_assets.delta.row_tables.identity import Identity, ensure_identity, mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.bronze import bronze_table, origins_since
from medallion_assets.storage.listing import is_there, list_folders
from medallion_assets.storage.stores import open_store


class SampleMark:
    """The mark of one lakehouse while exports are loaded; it is looked up once."""

    def __init__(self, lakehouse: Lakehouse, now: datetime) -> None:
        self._lakehouse = lakehouse
        self._now = now
        self._identity: Identity | None = None

    def before_loading(self, batch: Batch) -> None:
        """See that the lakehouse says what it is: with a sample in it, that it holds samples."""
        self._identity = self._identity or identify(self._lakehouse, self._now)
        if batch.owner and is_sample(batch.owner) and not self._identity.is_sample:
            note = _note(batch.id, batch.owner.rpartition("/")[2])
            self._identity = mark_as_sample(self._lakehouse, now=self._now, note=note)


def identify(lakehouse: Lakehouse, now: datetime) -> Identity:
    """Which lakehouse this is. One that was made before there were marks is marked by what its Bronze tables hold."""
    return ensure_identity(lakehouse, now=now, first_sample=lambda: _first_sample(lakehouse))


def _first_sample(lakehouse: Lakehouse) -> str | None:
    """The first sample that any Bronze table was ever loaded from, or None."""
    if not is_there(lakehouse.url):
        return None
    for folder in list_folders(open_store(lakehouse.url, lakehouse.storage_options), "bronze"):
        name = folder.rsplit("/", 1)[-1]
        bronze = lakehouse.find(bronze_table(name))
        for export_id, origin in origins_since(bronze, -1).items() if bronze else ():
            if origin == origin_of(sample_owner(name)):
                return _note(export_id, name)
    return None


def _note(export_id: str, table_name: str) -> str:
    return f"export {export_id} of {table_name}"

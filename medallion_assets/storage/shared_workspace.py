"""Shared workspaces: what several machines put aside for each other, beside the tables that they work on.

Belongs here: making one below the place of a lakehouse, removing it, and those that killed processes left there.
Does not: workspaces of one machine, or what is put there.

It lies where the tables lie, so that whoever may read and write these may use it, and it is encrypted as they are. A
bucket knows no locks: there a workspace is abandoned when it is older than any run lives.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
from obstore.store import S3Store

from medallion_assets.errors import MedallionError
from medallion_assets.storage.bucket import Bucket
from medallion_assets.storage.failures import store_errors
from medallion_assets.storage.s3 import s3_store
from medallion_assets.storage.workspace import workspace

LOG = logging.getLogger(__name__)

FOLDER = "_workspace"
"""Its name beside the layers. Delta readers, and Spark, pass over names that begin so."""
ABANDONED_AFTER = timedelta(days=2)
STAMP = "%Y%m%dT%H%M%SZ"


@contextmanager
def shared_workspace(url: str, storage_options: Mapping[str, str], *, now: datetime | None = None) -> Iterator[str]:
    """The URL of an empty place below `url`, a local folder or `s3://bucket/prefix`; removed on leaving."""
    if not url.startswith("s3://"):
        base = Path(url) / FOLDER
        base.mkdir(parents=True, exist_ok=True)
        with workspace(base) as folder:
            yield str(folder)
        return
    moment = now or datetime.now(UTC)
    store = s3_store(f"{url}/{FOLDER}", storage_options)
    with _only_warned(FOLDER):
        _remove_abandoned(store, moment)
    name = f"{moment:{STAMP}}-{uuid.uuid4().hex}"
    try:
        yield f"{url}/{FOLDER}/{name}"
    finally:
        with _only_warned(name):
            _remove(store, name)


@contextmanager
def _only_warned(name: str) -> Iterator[None]:
    """What lies about costs a little space until a later sweep: no work is stopped for it, or undone."""
    try:
        yield
    except MedallionError as error:
        LOG.warning("%s could not be tidied up; a later run tries it again: %s", name, error)


def _remove_abandoned(store: S3Store, now: datetime) -> None:
    with store_errors(FOLDER):
        names = obstore.list_with_delimiter(store)["common_prefixes"]
    for name in names:
        with suppress(ValueError):  # nothing of ours
            made = datetime.strptime(name.split("-")[0], STAMP).replace(tzinfo=UTC)
            if now - made > ABANDONED_AFTER:
                _remove(store, name)


def _remove(store: S3Store, name: str) -> None:
    with store_errors(name):
        Bucket(store).remove_all(name.rstrip("/"))

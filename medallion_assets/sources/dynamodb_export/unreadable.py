"""Files of an export that a store does not give, as verdicts on the export.

Belongs here: what is archived, refused, not there, or on a disk that fails.
Does not: reading; bytes that are given and wrong.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.store import LocalStore, ObjectStore

from medallion_assets.sources.dynamodb_export.manifest import DataFile, Export
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict
from medallion_assets.storage.failures import UnreadableObjectError, of_disk, store_errors
from medallion_assets.storage.stores import MISSING


@contextmanager
def unreadable_as_verdict(export_id: str, table: str | None = None) -> Iterator[None]:
    """One object that S3 or a disk refuses is the export's fault, and stops no other.

    Raises:
        ExportRefusedError: ARCHIVED, UNREADABLE.
    """
    try:
        yield
    except UnreadableObjectError as error:
        raise ExportRefusedError(
            Verdict.ARCHIVED if error.is_archived else Verdict.UNREADABLE,
            export_id=export_id,
            table=table,
            file=error.key,
            expected=error.expected,
            found=error.found,
            do=error.do,
            state=error.code,
        ) from error


@contextmanager
def disk_as_verdict(store: ObjectStore, export: Export, data_file: DataFile) -> Iterator[None]:
    """What a disk says amid a data file is the export's fault; of a bucket's file we read a copy, on a disk of ours.

    Raises:
        ExportRefusedError: DATA_FILE_MISSING, UNREADABLE.
        TransientError: the disk may give it later.
    """
    try:
        yield
    except OSError as error:
        said = of_disk(error)
        if said is None or said.errno == errno.ENOMEM or not isinstance(store, LocalStore):
            raise
        if isinstance(said, FileNotFoundError):
            raise missing(export, data_file) from error
        with unreadable_as_verdict(export.export_id, export.table_name), store_errors(data_file.key, is_object=True):
            raise said from None


def missing(export: Export, data_file: DataFile) -> ExportRefusedError:
    """The refusal of an export for a data file that is not there."""
    return ExportRefusedError(
        Verdict.DATA_FILE_MISSING,
        export_id=export.export_id,
        table=export.table_name,
        file=data_file.key,
        expected=f"a file of {data_file.item_count} items",
        found=MISSING,
        state=MISSING,
    )

"""What a disk does not give of an export is a verdict on it, and what it may give later is none (rule B1)."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from obstore.store import ObjectStore, S3Store

from medallion_assets.errors import TransientError
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets.sources.dynamodb_export.unreadable import disk_as_verdict
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.sources.dynamodb_export.planted_exports import write_full


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path))


def read_badly(store: ObjectStore, export: Export, raised: OSError) -> None:
    with disk_as_verdict(store, export, export.files[1]):
        raise raised


@pytest.mark.parametrize(
    ("raised", "verdict"),
    [
        (OSError(errno.EIO, "Input/output error"), Verdict.UNREADABLE),
        (OSError("Input/output error (os error 5)"), Verdict.UNREADABLE),  # of Polars
        (PermissionError(errno.EACCES, "Permission denied"), Verdict.UNREADABLE),
        (FileNotFoundError(errno.ENOENT, "gone meanwhile"), Verdict.DATA_FILE_MISSING),
    ],
)
def test_what_a_disk_says_amid_a_file_is_the_verdict_on_its_export(
    store: ObjectStore, raised: OSError, verdict: Verdict
) -> None:
    """B1: it names the file, the export and the table."""
    export = write_full(store)
    with pytest.raises(ExportRefusedError) as refused:
        read_badly(store, export, raised)
    error = refused.value
    assert (error.verdict, error.file, error.table) == (verdict, export.files[1].key, "orders")
    assert export.export_id in str(error)


def test_what_may_pass_or_is_of_another_disk_is_no_verdict(store: ObjectStore) -> None:
    """Of an object in a bucket a copy is read, on a disk of ours."""
    export = write_full(store)
    with pytest.raises(TransientError, match=export.files[1].key):
        read_badly(store, export, OSError(errno.ESTALE, "Stale file handle"))
    with pytest.raises(OSError, match=r"^corrupt gzip stream$"):
        read_badly(store, export, OSError("corrupt gzip stream"))
    with pytest.raises(OSError, match="Input/output error"):
        read_badly(S3Store("lake"), export, OSError(errno.EIO, "Input/output error"))

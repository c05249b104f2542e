"""Every way in which an export can be bad has a verdict with a name (rule B1)."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from obstore.store import ObjectStore

from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import FILE_LIST_NAME, SUMMARY_NAME, Export
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, ExportStatus, Verdict
from medallion_assets.sources.dynamodb_export.verify import VerifiedExport, check_lines, verified_file, verify_export
from medallion_assets.storage.stores import open_store, read_bytes, url_of, write_bytes
from medallion_assets_tests.sources.dynamodb_export.planted_exports import (
    EXPORT_AT,
    WINDOW,
    change_data,
    change_manifest,
    key_of,
    verified,
    write_full,
    write_window,
)

LINES = b'{"Item":{"pk":{"S":"a"}}}\n{"Item":{"pk":{"S":"b"}}}\n'
Spoil = Callable[[ObjectStore, Export], None]


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path))


def verify_only(store: ObjectStore) -> VerifiedExport:
    (found,) = find_exports(store)
    return verify_export(store, found)


def replace_in(name: str, old: bytes, new: bytes, *, sign: bool = True) -> Spoil:
    return lambda store, export: change_manifest(store, export, name, old, new, sign=sign)


def overwrite(name: str, data: bytes) -> Spoil:
    return lambda store, export: write_bytes(store, key_of(export, name), data)


def delete(name: str) -> Spoil:
    def spoil(store: ObjectStore, export: Export) -> None:
        obstore.delete(store, key_of(export, name))

    return spoil


def data(bytes_: bytes, *, sign: bool = True) -> Spoil:
    """Other bytes in the second data file; `sign`: the file list names their md5."""

    def spoil(store: ObjectStore, export: Export) -> None:
        if sign:
            change_data(store, export, 1, bytes_)
        else:
            write_bytes(store, export.files[1].key, bytes_)

    return spoil


def missing_data(store: ObjectStore, export: Export) -> None:
    obstore.delete(store, export.files[1].key)


def failing_disk(store: ObjectStore, export: Export) -> None:
    """It opens, and gives an I/O error as soon as it is read."""
    path = Path(url_of(store), export.files[1].key)
    path.unlink()
    path.symlink_to("/proc/self/mem")


def listed_twice(store: ObjectStore, export: Export) -> None:
    """The empty file once more, so that the sum still holds."""
    listed = read_bytes(store, key_of(export, FILE_LIST_NAME)) or b""
    change_manifest(store, export, FILE_LIST_NAME, listed, listed + listed.split(b"\n")[0] + b"\n")


def field_gone(name: str) -> Spoil:
    def spoil(store: ObjectStore, export: Export) -> None:
        summary = read_bytes(store, key_of(export, SUMMARY_NAME)) or b""
        change_manifest(
            store, export, SUMMARY_NAME, summary, re.sub(rf'"{name}":("[^"]*"|\d+),?'.encode(), b"", summary)
        )

    return spoil


def other_key(key: str) -> Spoil:
    def spoil(store: ObjectStore, export: Export) -> None:
        change_manifest(store, export, FILE_LIST_NAME, export.files[1].key.encode(), key.encode())

    return spoil


GOOD = gzip.compress(LINES, mtime=0)
FLIPPED = GOOD[:-8] + bytes([GOOD[-8] ^ 1]) + GOOD[-7:]  # a wrong CRC
MD5 = base64.b64encode(b"0123456789abcdef")
BAD_INPUT: dict[str, tuple[Spoil, Verdict]] = {
    "manifest missing: wait": (delete(SUMMARY_NAME), Verdict.WAITING),
    "summary is not JSON": (overwrite(SUMMARY_NAME, b'{"version":"20'), Verdict.SUMMARY_NOT_JSON),
    "summary is empty": (overwrite(SUMMARY_NAME, b""), Verdict.SUMMARY_NOT_JSON),
    "summary is JSON, but no object": (overwrite(SUMMARY_NAME, b"[1]"), Verdict.SUMMARY_NOT_JSON),
    "summary is not UTF-8": (overwrite(SUMMARY_NAME, b'{"a":"\xff"}'), Verdict.SUMMARY_NOT_JSON),
    "summary nested without end": (overwrite(SUMMARY_NAME, b'{"a":' * 200_000), Verdict.SUMMARY_NOT_JSON),
    "no tableArn": (field_gone("tableArn"), Verdict.SUMMARY_INCOMPLETE),
    "no tableId": (field_gone("tableId"), Verdict.SUMMARY_INCOMPLETE),
    "no itemCount": (field_gone("itemCount"), Verdict.SUMMARY_INCOMPLETE),
    "no exportTime": (field_gone("exportTime"), Verdict.SUMMARY_INCOMPLETE),
    "tableArn of something else": (replace_in(SUMMARY_NAME, b":table/", b":index/"), Verdict.SUMMARY_INCOMPLETE),
    "itemCount is text": (replace_in(SUMMARY_NAME, b'"itemCount":2', b'"itemCount":"2"'), Verdict.SUMMARY_INCOMPLETE),
    "itemCount is true": (replace_in(SUMMARY_NAME, b'"itemCount":2', b'"itemCount":true'), Verdict.SUMMARY_INCOMPLETE),
    "itemCount is negative": (
        replace_in(SUMMARY_NAME, b'"itemCount":2', b'"itemCount":-2'),
        Verdict.SUMMARY_INCOMPLETE,
    ),
    "exportTime is no time": (
        replace_in(SUMMARY_NAME, b"2025-02-01T00:00:00.000Z", b"soon"),
        Verdict.SUMMARY_INCOMPLETE,
    ),
    "exportTime has no zone": (
        replace_in(SUMMARY_NAME, b"2025-02-01T00:00:00.000Z", b"2025-02-01T00:00:00.000"),
        Verdict.SUMMARY_INCOMPLETE,
    ),
    "unknown exportType": (
        replace_in(SUMMARY_NAME, b'"outputFormat"', b'"exportType":"DAILY","outputFormat"'),
        Verdict.SUMMARY_INCOMPLETE,
    ),
    "exportType is a list": (
        replace_in(SUMMARY_NAME, b'"outputFormat"', b'"exportType":["FULL_EXPORT"],"outputFormat"'),
        Verdict.SUMMARY_INCOMPLETE,
    ),
    "summary of another export": (
        replace_in(SUMMARY_NAME, b"/export/0", b"/export/1"),
        Verdict.SUMMARY_OF_ANOTHER_EXPORT,
    ),
    "Ion": (replace_in(SUMMARY_NAME, b"DYNAMODB_JSON", b"ION"), Verdict.ION_NOT_SUPPORTED),
    "md5 of the summary wrong": (
        replace_in(SUMMARY_NAME, b'"itemCount":2', b'"itemCount":3', sign=False),
        Verdict.MANIFEST_MD5_MISMATCH,
    ),
    "checksum file empty": (overwrite("manifest-summary.md5", b""), Verdict.MANIFEST_MD5_MISMATCH),
    "other name of the checksum, wrong": (overwrite("manifest-files.checksum", MD5), Verdict.MANIFEST_MD5_MISMATCH),
    "file list missing": (delete(FILE_LIST_NAME), Verdict.FILE_LIST_MISSING),
    "file list is not JSON": (overwrite(FILE_LIST_NAME, b'{"itemCount":2,"md5'), Verdict.FILE_LIST_NOT_JSON),
    "md5 of the file list wrong": (
        replace_in(FILE_LIST_NAME, b'"itemCount":2', b'"itemCount":3', sign=False),
        Verdict.MANIFEST_MD5_MISMATCH,
    ),
    "file list without keys": (
        replace_in(FILE_LIST_NAME, b"dataFileS3Key", b"key"),
        Verdict.FILE_LIST_INCOMPLETE,
    ),
    "md5 in the file list is none": (
        replace_in(FILE_LIST_NAME, b'"md5Checksum":"', b'"md5Checksum":"*'),
        Verdict.FILE_LIST_INCOMPLETE,
    ),
    "a data file listed twice": (listed_twice, Verdict.DATA_FILE_LISTED_TWICE),
    "a data file of another export": (
        other_key("AWSDynamoDB/01738368031334-00000000/data/a.json.gz"),
        Verdict.DATA_FILE_ELSEWHERE,
    ),
    "a data file outside": (other_key("somewhere/else.json.gz"), Verdict.DATA_FILE_ELSEWHERE),
    "a data file above": (other_key("AWSDynamoDB/data/../../x.json.gz"), Verdict.DATA_FILE_ELSEWHERE),
    "the folder as a data file": (other_key("AWSDynamoDB/data/.."), Verdict.DATA_FILE_ELSEWHERE),
    "sum is not the summary's": (
        replace_in(SUMMARY_NAME, b'"itemCount":2', b'"itemCount":3'),
        Verdict.SUM_MISMATCH,
    ),
    "data file missing": (missing_data, Verdict.DATA_FILE_MISSING),
    "data file on a disk that fails": (failing_disk, Verdict.UNREADABLE),
    "empty data file": (data(b""), Verdict.EMPTY_DATA_FILE),
    "one byte of a data file": (data(b"\x1f"), Verdict.NOT_GZIP),
    "plain text called .gz": (data(LINES), Verdict.NOT_GZIP),
    "md5 of a data file wrong": (data(gzip.compress(LINES[:26] * 2), sign=False), Verdict.DATA_FILE_MD5_MISMATCH),
    "truncated on the way": (data(GOOD[:-9], sign=False), Verdict.TRUNCATED_GZIP),
    "truncated gzip": (data(GOOD[:-9]), Verdict.TRUNCATED_GZIP),
    "gzip without its trailer": (data(GOOD[:-8]), Verdict.TRUNCATED_GZIP),
    "nothing but a gzip header": (data(GOOD[:10]), Verdict.TRUNCATED_GZIP),
    "wrong CRC": (data(FLIPPED), Verdict.CORRUPT_GZIP),
    "bytes after the gzip stream": (data(GOOD + b"rest"), Verdict.CORRUPT_GZIP),
    "invalid UTF-8": (data(gzip.compress(b'{"a":"\xff"}\n' * 2)), Verdict.INVALID_UTF8),
    "UTF-8 cut at the end": (data(gzip.compress(b"a\n\xc3")), Verdict.INVALID_UTF8),
    "fewer lines than itemCount": (data(gzip.compress(LINES[:26])), Verdict.LINE_COUNT_MISMATCH),
    "more lines than itemCount": (data(gzip.compress(LINES + LINES)), Verdict.LINE_COUNT_MISMATCH),
    "items in a file that should be empty": (
        replace_in(FILE_LIST_NAME, b'"itemCount":0', b'"itemCount":1'),
        Verdict.SUM_MISMATCH,
    ),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_has_a_verdict_with_a_name(store: ObjectStore, name: str) -> None:
    """Rule B1; the error says what to do, and names the export."""
    spoil, verdict = BAD_INPUT[name]
    export = write_full(store)
    assert verify_only(store).verdict is Verdict.COMPLETE
    spoil(store, export)
    verified = verify_only(store)
    assert verified.verdict is verdict
    assert verified.detail is not None
    assert verified.detail.export_id == export.export_id
    assert export.export_id in str(verified.detail)
    assert "what to do" in str(verified.detail)


@pytest.mark.parametrize("moment", ["exportFromTime", "exportToTime"])
def test_an_incremental_export_needs_its_window(store: ObjectStore, moment: str) -> None:
    export = write_window(store)
    field_gone(moment)(store, export)
    assert verify_only(store).verdict is Verdict.SUMMARY_INCOMPLETE


def test_a_window_that_ends_before_it_begins_is_refused(store: ObjectStore) -> None:
    export = write_window(store)
    change_manifest(store, export, SUMMARY_NAME, b"2025-02-02T00:00:00.000Z", b"2025-02-01T00:00:00.000Z")
    assert verify_only(store).verdict is Verdict.SUMMARY_INCOMPLETE


def test_only_what_no_copy_can_mend_is_final() -> None:
    """Rule B2: all others are looked at again when the listing changes."""
    assert [verdict for verdict in Verdict if verdict.is_final] == [Verdict.WRONG_TABLE, Verdict.ION_NOT_SUPPORTED]
    assert [verdict for verdict in Verdict if verdict.status is ExportStatus.COMPLETE] == [Verdict.COMPLETE]
    assert all(verdict.advice for verdict in Verdict)


def test_an_empty_export_is_complete(store: ObjectStore) -> None:
    export = write_full(store)
    change_data(store, export, 1, gzip.compress(b""))
    change_manifest(store, export, FILE_LIST_NAME, b'"itemCount":2', b'"itemCount":0')
    change_manifest(store, export, SUMMARY_NAME, b'"itemCount":2', b'"itemCount":0')
    verified = verify_only(store)
    assert (verified.verdict, verified.items, verified.files) == (Verdict.COMPLETE, 0, 2)


def test_started_one_level_up_and_a_missing_start_time_are_tolerated(store: ObjectStore) -> None:
    export = write_full(store)
    delete("_started")(store, export)
    write_bytes(store, "AWSDynamoDB/_started", b"")
    field_gone("startTime")(store, export)
    verified = verify_only(store)
    assert verified.verdict is Verdict.COMPLETE
    assert verified.export is not None
    assert verified.export.started_at == export.started_at  # from the id


def test_a_file_is_handed_out_only_when_its_bytes_are_right(store: ObjectStore) -> None:
    export = write_full(store)
    with verified_file(store, export, export.files[1]) as path:
        assert check_lines(export, export.files[1], path) == 2
    write_bytes(store, export.files[1].key, b"")
    with pytest.raises(ExportRefusedError) as refused, verified_file(store, export, export.files[1]):
        pass
    assert refused.value.verdict is Verdict.EMPTY_DATA_FILE
    assert refused.value.file == export.files[1].key
    assert refused.value.table == "orders"


def test_one_bad_export_does_not_hide_the_others(tmp_path: Path) -> None:
    """Rule B1: nor does one of another table."""
    store = open_store(str(tmp_path / "orders"))
    write_full(store)
    windows = [write_window(store, begin=EXPORT_AT + day * WINDOW) for day in range(3)]
    write_full(open_store(str(tmp_path / "customers")), table="customers")
    (tmp_path / "orders" / windows[1].files[0].key).unlink()
    standings = {each.found.id: each.status for each in verified(str(tmp_path))}
    assert len(standings) == 5
    assert [export_id for export_id, status in standings.items() if status is not ExportStatus.COMPLETE] == [
        windows[1].export_id
    ]
    assert standings[windows[1].export_id] is ExportStatus.INCOMPLETE


def test_a_good_copy_counts_beside_a_bad_one(tmp_path: Path) -> None:
    """Rule B5: an export delivered twice is one export."""
    store = open_store(str(tmp_path))
    bad, _ = write_full(store, prefix="a"), write_full(store, prefix="b")
    (tmp_path / bad.files[0].key).unlink()
    assert [each.status for each in verified(str(tmp_path))] == [ExportStatus.INCOMPLETE, ExportStatus.COMPLETE]


def test_what_the_manifests_say_is_read_before_any_data(store: ObjectStore) -> None:
    export = write_full(store)
    missing_data(store, export)
    (found,) = find_exports(store)
    assert read_export(store, found) == export

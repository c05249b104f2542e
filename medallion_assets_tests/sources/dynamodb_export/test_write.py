"""The writer's bytes are those of the specification."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import (
    Export,
    ExportType,
    multipart_etag,
    render_summary,
    started_at_of,
)
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.write import (
    delete_record,
    full_record,
    upsert_record,
    write_export,
)
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.sources.dynamodb_export.planted_exports import (
    EXPORT_AT,
    WINDOW,
    pk,
    write_full,
    write_window,
)

# The empty data file of a real export, and its etag beside its md5 there.
EMPTY_GZIP = bytes.fromhex("1f8b0800000000000000030000000000" + "00000000")
EMPTY_MD5, EMPTY_ETAG = "OXDoJgXH0Qm7NI/JTp7swA==", "67c8121a4701556ecf2fa9dda42c0269-1"


def test_a_full_export_has_the_layout_of_a_real_one(tmp_path: Path) -> None:
    export = write_full(open_store(str(tmp_path)), prefix="some/prefix")
    folder = tmp_path / "some" / "prefix" / "AWSDynamoDB" / export.export_id
    assert sorted(path.name for path in folder.iterdir()) == [
        "_started",
        "data",
        "manifest-files.json",
        "manifest-files.md5",
        "manifest-summary.json",
        "manifest-summary.md5",
    ]
    assert (folder / "_started").read_bytes() == b""
    assert len((folder / "manifest-summary.md5").read_bytes()) == 24
    assert re.fullmatch(r"0\d{13}-[0-9a-f]{8}", export.export_id)
    assert all(re.fullmatch(r"[a-z2-7]{26}\.json\.gz", path.name) for path in (folder / "data").iterdir())
    assert {f"{folder.relative_to(tmp_path)}/data/{path.name}" for path in (folder / "data").iterdir()} == {
        file.key for file in export.files
    }


def test_an_empty_partition_is_the_20_bytes_of_a_real_one(tmp_path: Path) -> None:
    export = write_full(open_store(str(tmp_path)))
    assert (tmp_path / export.files[0].key).read_bytes() == EMPTY_GZIP
    assert export.files[0].md5 == EMPTY_MD5
    assert multipart_etag(bytes.fromhex("3970e82605c7d109bb348fc94e9eecc0")) == EMPTY_ETAG
    first_line = (tmp_path / f"AWSDynamoDB/{export.export_id}/manifest-files.json").read_bytes().split(b"\n")[0]
    assert first_line.decode() == (
        f'{{"itemCount":0,"md5Checksum":"{EMPTY_MD5}","etag":"{EMPTY_ETAG}","dataFileS3Key":"{export.files[0].key}"}}'
    )


def test_the_summary_of_a_full_export_is_that_of_the_specification() -> None:
    expected = (
        '{"version":"2020-06-30","exportArn":"arn:aws:dynamodb:us-west-2:111122223333:table/orders/export/'
        '01767312000123-0a1b2c3d","startTime":"2026-01-02T00:00:00.123Z","endTime":"2026-01-02T00:06:01.500Z",'
        '"tableArn":"arn:aws:dynamodb:us-west-2:111122223333:table/orders",'
        '"tableId":"0f0e0d0c-0000-4000-8000-000000000000","exportTime":"2026-01-02T00:00:00.123Z","s3Bucket":"lake",'
        '"s3Prefix":null,"s3SseAlgorithm":"AES256","s3SseKmsKeyId":null,'
        '"manifestFilesS3Key":"AWSDynamoDB/01767312000123-0a1b2c3d/manifest-files.json","billedSizeBytes":0,'
        '"itemCount":3,"outputFormat":"DYNAMODB_JSON"}'
    )
    export = full_of_the_specification()
    ended_at = datetime(2026, 1, 2, 0, 6, 1, 500_000, tzinfo=UTC)
    assert render_summary(export, bucket="lake", bucket_prefix="", ended_at=ended_at).decode() == expected


def full_of_the_specification() -> Export:
    at = datetime(2026, 1, 2, 0, 0, 0, 123_000, tzinfo=UTC)
    return Export(
        export_id="01767312000123-0a1b2c3d",
        export_type=ExportType.FULL,
        from_at=at,
        to_at=at,
        started_at=at,
        table_name="orders",
        table_arn="arn:aws:dynamodb:us-west-2:111122223333:table/orders",
        table_id="0f0e0d0c-0000-4000-8000-000000000000",
        item_count=3,
        output_format="DYNAMODB_JSON",
        output_view=None,
        prefix="",
        files=(),
    )


def test_the_summary_of_an_incremental_export_names_window_view_and_type(tmp_path: Path) -> None:
    export = write_window(open_store(str(tmp_path)))
    summary = (tmp_path / f"AWSDynamoDB/{export.export_id}/manifest-summary.json").read_text()
    assert summary.startswith('{"version":"2023-08-01",')
    assert '"exportFromTime":"2025-02-01T00:00:00.000Z","exportToTime":"2025-02-02T00:00:00.000Z"' in summary
    assert summary.endswith('"outputView":"NEW_AND_OLD_IMAGES","exportType":"INCREMENTAL_EXPORT"}')
    assert '"exportTime"' not in summary


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    written = [write_full(store, prefix="x"), write_window(store)]
    assert [read_export(store, found) for found in find_exports(store)] == written
    assert started_at_of(written[0].export_id) == written[0].started_at


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    def files(folder: str) -> dict[str, bytes]:
        write_full(open_store(str(tmp_path / folder)))
        write_window(open_store(str(tmp_path / folder)))
        paths = [path for path in (tmp_path / folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(tmp_path / folder)): path.read_bytes() for path in paths}

    assert files("one") == files("two")
    assert len(files("one")) == 13


def test_two_exports_of_one_window_have_different_ids(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    assert write_window(store, seed=1).export_id != write_window(store, seed=2).export_id


def test_the_summary_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule B1: its presence says that all the rest is there."""
    from medallion_assets.sources.dynamodb_export import write as export_writer

    order: list[str] = []
    write_bytes, write_chunks = export_writer.write_bytes, export_writer.write_chunks
    monkeypatch.setattr(export_writer, "write_bytes", lambda s, k, d: (order.append(k), write_bytes(s, k, d)))
    monkeypatch.setattr(export_writer, "write_chunks", lambda s, k, c: (order.append(k), write_chunks(s, k, c)))
    write_window(open_store(str(tmp_path)))
    assert order[0].endswith("/_started")
    assert order[-1].endswith("/manifest-summary.json")
    assert len(order) == 6


def test_pieces_hold_one_or_more_lines(tmp_path: Path) -> None:
    export = write_export(
        open_store(str(tmp_path)),
        table_name="orders",
        export_type=ExportType.FULL,
        from_at=EXPORT_AT,
        to_at=EXPORT_AT,
        files=[["one", b"two\nthree\n", "four\nfünf"]],
    )
    assert export.item_count == 5
    assert gzip.decompress((tmp_path / export.files[0].key).read_bytes()).decode() == "one\ntwo\nthree\nfour\nfünf\n"


@pytest.mark.parametrize(
    ("kind", "length"),
    [(ExportType.FULL, WINDOW), (ExportType.INCREMENTAL, timedelta()), (ExportType.INCREMENTAL, -WINDOW)],
)
def test_a_window_that_no_export_has_is_refused(tmp_path: Path, kind: ExportType, length: timedelta) -> None:
    with pytest.raises(PermanentError, match="cannot have this window"):
        write_export(
            open_store(str(tmp_path)),
            table_name="orders",
            export_type=kind,
            from_at=EXPORT_AT,
            to_at=EXPORT_AT + length,
            files=[],
        )


def test_records_are_those_of_the_specification() -> None:
    assert full_record({"pk": {"S": "C#7"}, "amt": {"N": "12.50"}}) == (
        '{"Item":{"pk":{"S":"C#7"},"amt":{"N":"12.50"}}}'
    )
    metadata = '"Metadata":{"WriteTimestampMicros":{"N":"1767312345678901"}}'
    keys = '"Keys":{"pk":{"S":"é"}}'
    micros = 1767312345678901
    assert upsert_record(pk("é"), {}, micros) == f'{{{metadata},{keys},"NewImage":{{}}}}'
    assert upsert_record(pk("é"), {}, micros, {}) == f'{{{metadata},{keys},"OldImage":{{}},"NewImage":{{}}}}'
    assert delete_record(pk("é"), micros) == f"{{{metadata},{keys}}}"
    assert delete_record(pk("é"), micros, {}) == f'{{{metadata},{keys},"OldImage":{{}}}}'

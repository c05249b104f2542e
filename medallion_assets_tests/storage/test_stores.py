"""A store is rooted at its URL, on a disk and on S3 alike; its errors are ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import obstore
import pytest
from moto.server import ThreadedMotoServer

from medallion_assets.errors import PermanentError, SettingsError, TransientError
from medallion_assets.sources.dynamodb_export.find import find_exports, list_exports
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.verify import verified_file, verify_export
from medallion_assets.storage.stores import (
    bucket_and_prefix,
    local_path,
    open_store,
    read_bytes,
    stat,
    state_of,
    url_of,
    write_bytes,
    write_chunks,
)
from medallion_assets_tests.sources.dynamodb_export.planted_exports import (
    EXPORT_AT,
    WINDOW,
    write_full,
    write_window,
)


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


S3_URL = "s3://lake/raw/orders"


@pytest.fixture
def options(moto_server: str) -> dict[str, str]:
    """The storage options that lead to an empty bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=moto_server,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="lake")
    for entry in client.list_objects_v2(Bucket="lake").get("Contents", []):
        client.delete_object(Bucket="lake", Key=entry["Key"])
    return {
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


def test_a_local_folder_is_made_and_keys_are_relative_to_it(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "new folder"))
    write_bytes(store, "a/b.json", b"1")
    assert (tmp_path / "new folder" / "a" / "b.json").read_bytes() == b"1"
    assert read_bytes(store, "a/b.json") == b"1"
    assert read_bytes(store, "a/none") is None
    assert stat(store, "a/none") is None
    assert bucket_and_prefix(store) == (None, "")


def test_a_local_file_is_read_in_place(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    write_bytes(store, "a.gz", b"1")
    with local_path(store, "a.gz") as path:
        assert path == tmp_path / "a.gz"
    with local_path(store, "none") as path:
        assert path is None


def test_a_write_that_breaks_off_leaves_no_object(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    store = open_store(str(tmp_path))
    with pytest.raises(RuntimeError):
        write_chunks(store, "a.gz", broken())
    assert read_bytes(store, "a.gz") is None


def test_another_kind_of_url_is_refused() -> None:
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        open_store("gs://bucket/prefix")


def test_exports_on_s3_are_written_and_verified_as_on_a_disk(options: dict[str, str]) -> None:
    store = open_store(S3_URL, options)
    full, window = write_full(store, prefix="copied here"), write_window(store)
    verified = [verify_export(store, found) for found in find_exports(store)]
    assert [each.verdict for each in verified] == [Verdict.COMPLETE] * 2
    assert [each.export for each in verified] == [full, window]
    # The manifests name the keys as they are in the bucket, above the URL.
    assert b'"dataFileS3Key":"raw/orders/AWSDynamoDB/data/' in (
        read_bytes(store, f"AWSDynamoDB/{window.export_id}/manifest-files.json") or b""
    )


def test_a_data_file_on_s3_is_read_from_a_temporary_download(options: dict[str, str]) -> None:
    store = open_store(S3_URL, options)
    export = write_full(store)
    with verified_file(store, export, export.files[1]) as path:
        assert path.read_bytes() == read_bytes(store, export.files[1].key)
    assert not path.exists()


def test_a_listing_on_s3_begins_after_an_id_and_leaves_the_shared_data_folder_out(options: dict[str, str]) -> None:
    """Rule B2: what the cursor has passed costs nothing."""
    store = open_store(S3_URL, options)
    first = write_window(store)
    second = write_window(store, begin=EXPORT_AT + WINDOW)
    assert [found.id for found in list_exports(store, after=first.export_id).batches] == [second.export_id]
    assert list_exports(store, after=second.export_id).batches == []


def test_a_bucket_that_is_not_there_says_so(options: dict[str, str]) -> None:
    with pytest.raises(PermanentError, match="correct its name"):
        find_exports(open_store(S3_URL.replace("lake", "typo"), options))


def test_a_store_that_does_not_answer_is_tried_again(options: dict[str, str]) -> None:
    options["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    with pytest.raises(TransientError, match="the store did not answer; found: this place"):
        find_exports(open_store(S3_URL, options))


def test_an_address_without_encryption_has_to_be_allowed(options: dict[str, str]) -> None:
    """It is a setting, and no answer that could still come."""
    options["AWS_ALLOW_HTTP"] = "false"
    with pytest.raises(SettingsError, match="set AWS_ALLOW_HTTP to true"):
        open_store(S3_URL, options)


def test_a_url_that_no_store_can_have_is_refused_at_once() -> None:
    with pytest.raises(PermanentError, match="without empty parts"):
        open_store("s3://lake//raw")


def test_a_file_that_opens_and_gives_no_byte_is_unreadable(tmp_path: Path) -> None:
    """B2: as on a broken disk; its state must not be that of a sound file."""
    (tmp_path / "broken").symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error"):
        (tmp_path / "broken").read_bytes()
    assert state_of(open_store(str(tmp_path)), "broken") == "OSError"


def test_a_data_file_missing_on_s3_has_its_verdict(options: dict[str, str]) -> None:
    store = open_store(S3_URL, options)
    export = write_window(store)
    obstore.delete(store, export.files[0].key)
    (found,) = find_exports(store)
    assert verify_export(store, found).verdict is Verdict.DATA_FILE_MISSING


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/a/b", "/srv/a b"])
def test_where_a_store_is_rooted(url: str, tmp_path: Path) -> None:
    """Another process opens it by that."""
    place = url if url.startswith("s3") else f"{tmp_path}{url}"
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert url_of(open_store(place, {"AWS_REGION": "eu-west-1", **keys})) == place

"""Pages of a bucket: a store may have looked at many keys and have none of them to show, which is not the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from obstore.store import S3Store

from medallion_assets.errors import TransientError
from medallion_assets.sources.dynamodb_export.find import list_exports
from medallion_assets.storage.bucket import Bucket
from medallion_assets.storage.listing import list_folders, list_objects
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.services.bucket import OddBucket, odd_bucket
from medallion_assets_tests.sources.dynamodb_export.planted_exports import EXPORT_AT, WINDOW, write_window


@pytest.fixture
def bucket() -> Iterator[OddBucket]:
    """With a long run of delete markers."""
    with odd_bucket() as bucket:
        bucket.deleted = {f"raw/gone/{number:04d}" for number in range(3_500)}
        yield bucket


def s3_store(bucket: OddBucket) -> S3Store:
    store = open_store("s3://lake/raw", bucket.environment)
    assert isinstance(store, S3Store)
    return store


def test_a_listing_goes_on_behind_pages_without_keys(bucket: OddBucket) -> None:
    """B2: exports behind them are not gone."""
    store = s3_store(bucket)
    before, behind = write_window(store), write_window(store, prefix="z", begin=EXPORT_AT + WINDOW)
    assert {found.id for found in list_exports(store).batches} == {before.export_id, behind.export_id}


def test_folders_behind_pages_without_keys_are_listed(bucket: OddBucket) -> None:
    bucket.objects = {"raw/a/x": b"", "raw/z/x": b""}
    assert list_folders(s3_store(bucket), "") == ["a", "z"]


def test_everything_behind_pages_without_keys_is_removed(bucket: OddBucket) -> None:
    bucket.objects = {"raw/gone/&": b"", "raw/gone/z": b"", "raw/kept": b""}
    Bucket(s3_store(bucket)).remove_all("gone")
    assert list(bucket.objects) == ["raw/kept"]


@pytest.mark.parametrize("folder", ["", "gone/"])
@pytest.mark.parametrize("token", ["", "0"])
def test_a_page_that_says_neither_a_key_nor_where_to_go_on_is_no_end(
    bucket: OddBucket, folder: str, token: str
) -> None:
    """Without a token, or with one that leads to the beginning: going round for ever is no end either."""
    bucket.token = token
    with pytest.raises(
        TransientError, match=f"^s3://lake/raw/{folder}: a listing breaks off; expected: .*; what to do: "
    ):
        list(list_objects(s3_store(bucket), folder.rstrip("/")))

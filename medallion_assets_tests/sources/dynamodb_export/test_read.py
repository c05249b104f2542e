"""Exports are found whatever lies around them, and a change in their files is noticed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from moto import mock_aws
from obstore.store import ObjectStore

from medallion_assets.contracts.source import Found
from medallion_assets.sources.dynamodb_export.find import find_exports, list_exports
from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.verify import verified_file, verify_export
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.services.moto_exports import exported_by_moto
from medallion_assets_tests.sources.dynamodb_export.planted_exports import (
    EXPORT_AT,
    WINDOW,
    key_of,
    write_full,
    write_window,
)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path))


def only(store: ObjectStore) -> Found:
    (found,) = find_exports(store)
    return found


def test_exports_are_found_in_order_of_their_start_under_any_prefix(store: ObjectStore) -> None:
    later = write_window(store, begin=EXPORT_AT + WINDOW)
    earlier = write_full(store, prefix="a/b c")
    assert [(found.id, found.prefix) for found in find_exports(store)] == [
        (earlier.export_id, "a/b c/"),
        (later.export_id, ""),
    ]


def test_an_export_under_two_prefixes_is_found_twice(store: ObjectStore) -> None:
    """Rule B5: under whatever prefix it comes, it is the same export; the loader sees both copies."""
    one, two = write_full(store, prefix="x"), write_full(store, prefix="a")
    assert one.export_id == two.export_id
    assert [found.prefix for found in find_exports(store)] == ["a/", "x/"]


def test_foreign_files_and_folders_are_passed_over(store: ObjectStore) -> None:
    export = write_window(store)
    for key in (
        "readme.txt",
        "AWSDynamoDB/_started",
        "AWSDynamoDB/notes.json",
        "AWSDynamoDB/0123/manifest-summary.json",
        "AWSDynamoDB/01738454442295-2A73AD48/manifest-summary.json",
        "AWSDynamoDB/data/foreign.json.gz",
        "AWSDynamoDB/data/01738454442295-2a73ad48/manifest-summary.json",
        "other/01738454442295-2a73ad48/manifest-summary.json",
        "NotAWSDynamoDB/01738454442295-2a73ad48/manifest-summary.json",
    ):
        write_bytes(store, key, b"{}")
    assert [found.id for found in find_exports(store)] == [export.export_id]


def test_a_copy_one_level_too_deep_is_found_once(store: ObjectStore) -> None:
    export = write_window(store, prefix="AWSDynamoDB")
    assert only(store).prefix == "AWSDynamoDB/"
    assert only(store).files == 5
    assert list_exports(store, after=export.export_id).batches == []


def test_nothing_below_the_store_is_no_export(store: ObjectStore) -> None:
    assert find_exports(store) == []


def test_only_exports_after_an_id_and_not_settled_are_found(store: ObjectStore) -> None:
    """Rule B2: the sensor's cursor, and the ledger."""
    ids = [write_window(store, begin=EXPORT_AT + day * WINDOW).export_id for day in range(3)]
    assert [found.id for found in list_exports(store, after=ids[0]).batches] == ids[1:]
    assert [found.id for found in list_exports(store, settled={ids[1]}).batches] == [ids[0], ids[2]]
    assert list_exports(store, after=ids[2]).batches == []


def test_a_folder_without_summary_is_found_and_says_so(store: ObjectStore, tmp_path: Path) -> None:
    export = write_window(store)
    assert only(store).is_complete
    (tmp_path / key_of(export, "manifest-summary.json")).unlink()
    assert not only(store).is_complete


def test_the_fingerprint_stays_while_nothing_changes(store: ObjectStore) -> None:
    write_window(store)
    before = only(store)
    write_window(store, begin=EXPORT_AT + WINDOW)  # its data lies in the same folder
    assert find_exports(store)[0] == before


def test_the_fingerprint_changes_with_manifests(store: ObjectStore) -> None:
    """Rule B2: looked at again whenever its listing changes."""
    export = write_window(store)
    before = only(store).fingerprint
    write_bytes(store, key_of(export, "manifest-files.md5"), b"x")
    assert only(store).fingerprint != before


def test_the_fingerprint_changes_when_a_missing_data_file_arrives(store: ObjectStore, tmp_path: Path) -> None:
    """Rule B2, for an export's own data folder; for the shared one see refining.loading.refusals."""
    path = tmp_path / write_full(store).files[-1].key
    data = path.read_bytes()
    path.unlink()
    without = only(store).fingerprint
    path.write_bytes(data)
    assert only(store).fingerprint != without


def test_a_file_list_that_cannot_be_read_does_not_hinder_the_listing(store: ObjectStore) -> None:
    export = write_window(store)
    write_bytes(store, key_of(export, "manifest-files.json"), b'\xff\n["x"]\n{"dataFileS3Key":"../../etc/passwd"}\n')
    assert only(store).id == export.export_id


@pytest.mark.parametrize("write", [write_full, write_window])
def test_an_export_copied_elsewhere_has_its_keys_rebased(tmp_path: Path, write: Callable[..., Export]) -> None:
    """The manifests keep naming the keys of the bucket that the export was made in."""
    export = write(open_store(str(tmp_path / "from")), prefix="old/AWSDynamoDB")
    (tmp_path / "from" / "old" / "AWSDynamoDB").rename(tmp_path / "new prefix")
    store = open_store(str(tmp_path))
    copied = read_export(store, only(store))
    assert copied.prefix == "new prefix/"
    assert [file.key for file in copied.files] == [
        file.key.replace("old/AWSDynamoDB/", "new prefix/", 1) for file in export.files
    ]
    assert verify_export(store, only(store)).verdict is Verdict.COMPLETE


@pytest.mark.parametrize("suffix", [".md5", ".checksum", None])
def test_checksums_may_have_either_name_or_be_absent(store: ObjectStore, tmp_path: Path, suffix: str | None) -> None:
    export = write_window(store)
    for name in ("manifest-summary", "manifest-files"):
        path = tmp_path / key_of(export, f"{name}.md5")
        if suffix:
            path.rename(path.with_suffix(suffix))
        else:
            path.unlink()
    assert verify_export(store, only(store)).verdict is Verdict.COMPLETE


@mock_aws
def test_items_that_dynamodb_exports_are_read(store: ObjectStore) -> None:
    """Moto answers ExportTableToPointInTime with a data file only: its bytes, and manifests as DynamoDB adds them."""
    items = [{"pk": {"S": f"é{n}"}, "tags": {"SS": ["a", "b"]}, "n": {"N": "1.50"}} for n in range(3)]
    exported = exported_by_moto(items)
    write_export(
        store,
        table_name="orders",
        export_type=ExportType.FULL,
        from_at=EXPORT_AT,
        to_at=EXPORT_AT,
        files=[[exported]],
    )
    export = read_export(store, only(store))
    with verified_file(store, export, export.files[0]) as path:
        lines = gzip.decompress(path.read_bytes()).splitlines()
    assert export.item_count == 3
    read = sorted((json.loads(line)["Item"] for line in lines), key=lambda item: item["pk"]["S"])
    assert [{**item, "tags": {"SS": sorted(item["tags"]["SS"])}} for item in read] == items


REAL_EXPORT = Path(__file__).parents[4] / "shared" / "data" / "dynamodb_export_real"


@pytest.mark.skipif(not REAL_EXPORT.is_dir(), reason="the real export (../shared/data) is not here")
def test_a_real_export_is_read_as_it_is() -> None:
    store = open_store(str(REAL_EXPORT))
    verified = verify_export(store, only(store))
    assert (verified.verdict, verified.items, verified.files) == (Verdict.COMPLETE, 3, 4)
    assert verified.export is not None
    assert verified.export.export_type is ExportType.FULL
    assert verified.export.prefix == "demo_prefix/"
    assert [file.item_count for file in verified.export.files] == [0, 0, 2, 1]

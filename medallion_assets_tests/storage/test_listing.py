"""A listing shows every object, whatever its key, and stops at nothing that cannot be listed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import Mock

import pytest

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.sources.dynamodb_export import find as finding
from medallion_assets.sources.dynamodb_export.find import find_exports, list_exports
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.verify import verify_export
from medallion_assets.storage.listing import Unseen, list_folders, list_objects
from medallion_assets.storage.stores import open_store, read_bytes
from medallion_assets_tests.services.bucket import OddBucket, Refusal, odd_bucket
from medallion_assets_tests.sources.dynamodb_export.planted_exports import (
    EXPORT_AT,
    WINDOW,
    key_of,
    write_full,
    write_window,
)

URL = "s3://lake/raw"
ODD_KEYS = ["a//b", "/lead", "tab\tin it", "..", "a/../b", "./a", "a/\x01", "new\nline", "del\x7f", "é?#%2F&+", "end/"]


@pytest.fixture
def bucket() -> Iterator[OddBucket]:
    with odd_bucket() as bucket:
        yield bucket


@pytest.mark.parametrize("key", ODD_KEYS)
def test_no_key_stops_the_listing_of_a_bucket(bucket: OddBucket, key: str) -> None:
    """B1: what cannot be an export is passed over, and the sound export beside it is found."""
    store = open_store(URL, bucket.environment)
    export = write_full(store)
    bucket.objects[f"raw/{key}"] = b"foreign"
    listing = list_exports(store)
    assert [found.id for found in listing.batches] == [export.export_id]
    assert listing.foreign == (not key.endswith("/"))


@pytest.mark.parametrize("prefix", ["a//", "/", "tab\t/", "../", "a/./", "\x01/"])
def test_an_export_below_an_odd_key_is_read(bucket: OddBucket, prefix: str) -> None:
    """B1: every object of a bucket can be read, by its own name."""
    store = open_store(URL, bucket.environment)
    export = write_window(store)
    bucket.objects = {key.replace("raw/", f"raw/{prefix}", 1): data for key, data in bucket.objects.items()}
    (found,) = find_exports(store)
    assert (found.id, found.prefix) == (export.export_id, prefix)
    assert verify_export(store, found).verdict is Verdict.COMPLETE


def test_no_name_on_a_disk_stops_the_listing(tmp_path: Path) -> None:
    """B1: control characters, names that are not UTF-8, links that lead nowhere or back up."""
    store = open_store(str(tmp_path))
    export = write_full(store)
    for name in (b"tab\t", b"new\nline", b"\x01", b"a\\b"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"foreign")
    (tmp_path / os.fsdecode(b"\xff\xfe")).mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "not there")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    (tmp_path / "below a file").symlink_to(tmp_path / "a\\b" / "not there")
    os.mkfifo(tmp_path / "pipe")
    listing = list_exports(store)
    assert [found.id for found in listing.batches] == [export.export_id]
    assert listing.foreign == 4
    assert listing.unseen == {"\\xff\\xfe": "its name is not UTF-8: rename it, if it belongs to an export"}


def test_an_export_below_an_odd_folder_of_a_disk_is_read(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    write_full(store, prefix="x")
    (tmp_path / "x").rename(tmp_path / "tab\tand\nline")
    (found,) = find_exports(store)
    assert verify_export(store, found).verdict is Verdict.COMPLETE


def test_a_folder_that_may_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may list every folder, so the kernel's answer is played; the folder itself is real."""
    store = open_store(str(tmp_path))
    export = write_full(store)
    (tmp_path / "locked").mkdir()
    scan = os.scandir

    def refuses(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuses)
    unseen = Unseen()
    assert export.files[0].key in [found.key for found in list_objects(store, unseen=unseen)]
    assert list(unseen.folders) == ["locked/"]


@pytest.fixture
def open_to_nobody() -> Iterator[Path]:
    """A folder that is looked at as nobody, where root would be shown everything."""
    with TemporaryDirectory() as folder:  # those above pytest's own are root's alone
        Path(folder).chmod(0o755)
        yield Path(folder)
        os.seteuid(os.getuid())


def as_nobody() -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)


def test_a_folder_that_may_be_listed_and_not_entered_is_named(open_to_nobody: Path) -> None:
    """B2: the names of its entries are shown, and nothing else of them: what is there is unknown."""
    store = open_store(str(open_to_nobody))
    export = write_full(store)
    (open_to_nobody / "locked/AWSDynamoDB").mkdir(parents=True)
    (open_to_nobody / "locked/a file").touch()
    (open_to_nobody / "locked").chmod(0o644)
    as_nobody()
    listing = list_exports(store)
    assert [found.id for found in listing.batches] == [export.export_id]
    assert list(listing.unseen) == ["locked/"]
    assert "Permission denied" in listing.unseen["locked/"]


def test_a_place_that_may_be_listed_and_not_entered_is_an_error(open_to_nobody: Path) -> None:
    store = open_store(str(open_to_nobody))
    write_full(store)
    open_to_nobody.chmod(0o644)
    as_nobody()
    with pytest.raises(PermanentError, match=f"no access to the store; found: {open_to_nobody}"):
        list_exports(store)


def test_a_link_into_what_may_not_be_entered_is_named(open_to_nobody: Path) -> None:
    store = open_store(str(open_to_nobody / "raw"))
    export = write_full(store)
    (open_to_nobody / "elsewhere/exports").mkdir(parents=True)
    (open_to_nobody / "raw/link").symlink_to(open_to_nobody / "elsewhere/exports")
    (open_to_nobody / "elsewhere").chmod(0o600)
    as_nobody()
    listing = list_exports(store)
    assert [found.id for found in listing.batches] == [export.export_id]
    assert list(listing.unseen) == ["link"]


def test_a_file_of_which_the_disk_says_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk here fails so, and no file goes at that moment: both answers of the kernel are played."""
    store = open_store(str(tmp_path))
    export = write_full(store)
    answers = {
        "broken": OSError(errno.EIO, "Input/output error"),
        "gone meanwhile": FileNotFoundError(errno.ENOENT, ""),
    }
    for name in answers:
        (tmp_path / name).touch()
    scan = os.scandir

    @contextmanager
    def fails(place: Path) -> Iterator[list[Any]]:
        with scan(place) as entries:
            yield [entry if entry.name not in answers else played(entry.name) for entry in entries]

    def played(name: str) -> Mock:
        entry = Mock(**{"is_dir.return_value": False, "stat.side_effect": answers[name]})
        entry.name = name
        return entry

    monkeypatch.setattr(os, "scandir", fails)
    listing = list_exports(store)
    assert [found.id for found in listing.batches] == [export.export_id]
    assert list(listing.unseen) == ["broken"]
    assert "the disk is sound" in listing.unseen["broken"]


def test_a_bucket_that_may_not_be_listed_is_an_error_of_the_place(bucket: OddBucket) -> None:
    bucket.refused[""] = Refusal("AccessDenied")
    with pytest.raises(PermanentError, match="no access to the store; found: this place"):
        list_exports(open_store(URL, bucket.environment))


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        # boto3 waits before it tries these again
        pytest.param(Refusal("SlowDown", status=503), TransientError, "did not answer", marks=pytest.mark.slow),
        pytest.param(Refusal("InternalError", status=500), TransientError, "did not answer", marks=pytest.mark.slow),
        (Refusal("NoSuchBucket", status=404), PermanentError, "correct its name"),
        (Refusal("PermanentRedirect", status=400), PermanentError, "region"),
        (Refusal("InvalidAccessKeyId"), PermanentError, "correct the AWS credentials"),
        (Refusal("ExpiredToken", status=400), PermanentError, "renew the AWS credentials"),
        (Refusal("SignatureDoesNotMatch"), PermanentError, "correct the AWS credentials"),
        (Refusal("RequestTimeTooSkewed"), TransientError, "set the clock"),
        (Refusal("NotImplemented", status=400), PermanentError, "AWS_ENDPOINT_URL"),
    ],
    ids=lambda value: value.code if isinstance(value, Refusal) else "",
)
def test_what_passes_by_itself_is_tried_again_and_nothing_else(
    bucket: OddBucket, refusal: Refusal, kind: type[Exception], words: str
) -> None:
    """The same for a listing by boto3, and for an object by obstore."""
    bucket.refused = {"": refusal, "raw/a": refusal}
    bucket.objects["raw/a"] = b"1"
    with pytest.raises(kind, match=words):
        list_exports(open_store(URL, bucket.environment))
    if kind is PermanentError:  # obstore repeats the others for minutes
        with pytest.raises(kind, match=words):
            read_bytes(open_store(URL, bucket.environment), "a")


@pytest.mark.parametrize("on_s3", [True, False])
def test_an_export_below_a_folder_named_as_the_root_is_found(tmp_path: Path, bucket: OddBucket, on_s3: bool) -> None:
    """The S3 prefixes `AWSDynamoDB/daily` and `AWSDynamoDB`, beside exports without a prefix."""
    store = open_store(URL if on_s3 else str(tmp_path), bucket.environment)
    prefixes = ["", "AWSDynamoDB/daily", "AWSDynamoDB", "x/AWSDynamoDB/y/z"]
    for prefix in prefixes:
        write_window(store, prefix=prefix)
    assert sorted(found.prefix for found in find_exports(store)) == sorted(
        f"{prefix}/" if prefix else "" for prefix in prefixes
    )


def test_a_summary_that_lies_in_no_export_folder_is_named(bucket: OddBucket) -> None:
    store = open_store(URL, bucket.environment)
    export = write_window(store)
    summary = bucket.objects[f"raw/{key_of(export, 'manifest-summary.json')}"]
    strays = [f"{export.export_id}/manifest-summary.json", "AWSDynamoDB/0123/manifest-summary.json"]
    hidden = f"AWSDynamoDB/data/{export.export_id}/manifest-summary.json"
    for key in (*strays, hidden):
        bucket.objects[f"raw/{key}"] = summary
    assert {*strays} <= {*list_exports(store).unclaimed}
    assert {*list_exports(store, everything=True).unclaimed} == {*strays, hidden}


def test_folders_of_settled_exports_and_the_shared_one_cost_a_request_each_at_most(bucket: OddBucket) -> None:
    """However many data files there are: a look is bounded by what is not settled."""
    store = open_store(URL, bucket.environment)
    settled, waiting = write_full(store), write_window(store, begin=EXPORT_AT + 2 * WINDOW)
    for number in range(5_000):
        bucket.objects[f"raw/{key_of(settled, 'data')}/{number:026d}.json.gz"] = b""
        bucket.objects[f"raw/AWSDynamoDB/data/{number:026d}.json.gz"] = b""
    bucket.requests.clear()
    assert [found.id for found in list_exports(store, settled={settled.export_id}).batches] == [waiting.export_id]
    assert bucket.requests == ["LIST"] * 3
    bucket.requests.clear()
    assert [found.id for found in list_exports(store, after=settled.export_id).batches] == [waiting.export_id]
    assert bucket.requests == ["LIST"] * 3


def test_a_folder_full_of_foreign_objects_costs_a_bounded_number_of_requests(
    bucket: OddBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named; the exports before and behind it are found."""
    monkeypatch.setattr(finding, "FOREIGN_AT_MOST", 3_000)
    store = open_store(URL, bucket.environment)
    before, behind = write_window(store), write_window(store, prefix="z", begin=EXPORT_AT + WINDOW)
    bucket.objects |= {f"raw/logs/{number:06d}": b"" for number in range(9_000)}
    bucket.requests.clear()
    listing = list_exports(store)
    assert {found.id for found in listing.batches} == {before.export_id, behind.export_id}
    assert bucket.requests == ["LIST"] * 5
    assert list(listing.unseen) == ["logs"]
    assert 3_000 <= listing.foreign <= 4_000


def test_folders_of_a_bucket_are_listed_page_by_page(bucket: OddBucket) -> None:
    bucket.objects = {f"raw/bronze/t{number:04d}/x": b"" for number in range(1_200)}
    bucket.objects["raw/bronze//x"] = bucket.objects["raw/bronze/a file"] = b""
    assert list_folders(open_store(URL, bucket.environment), "bronze") == [
        f"bronze/t{number:04d}" for number in range(1_200)
    ]

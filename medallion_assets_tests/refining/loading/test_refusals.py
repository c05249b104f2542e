"""A refused export is looked at again when it has changed, and costs one request until then (rules B1, B2, B3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.refining.loading.refusals import fingerprints_now
from medallion_assets.refining.loading.refused_batches import EXPORT_VERDICTS, read_refusals
from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import (
    FILE_LIST_NAME,
    SUMMARY_NAME,
    DataFile,
    Export,
    ExportType,
    md5_base64,
    render_file_list,
    render_summary,
)
from medallion_assets.sources.dynamodb_export.write import upsert_record
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.crossed import crossed
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, TABLE, Landing, ids
from medallion_assets_tests.services.bucket import OddBucket, Refusal, odd_bucket
from medallion_assets_tests.sources.dynamodb_export.planted_exports import key_of

pytestmark = pytest.mark.flow

RAW = f"raw/{TABLE}"
DENIED = Refusal("AccessDenied", "Access Denied")
CAUSES = {
    "without permission": (DENIED, "unreadable", "s3:GetObject"),
    "a policy without a code": (Refusal("403"), "unreadable", "s3:GetObject"),
    "a KMS key that is switched off": (
        Refusal("KMS.DisabledException", "arn:aws:kms:x is disabled", 400),
        "unreadable",
        "kms:Decrypt",
    ),
    "a KMS key of somebody else": (
        Refusal("AccessDenied", "User: x is not authorized to perform: kms:Decrypt on the resource"),
        "unreadable",
        "kms:Decrypt",
    ),
    "a key of the writer": (
        Refusal("InvalidRequest", "The object was stored using a form of Server Side Encryption.", 400),
        "unreadable",
        "SSE-C",
    ),
    "Glacier": (Refusal("InvalidObjectState", "not valid for the storage class"), "archived", "restore"),
}


@pytest.fixture
def bucket() -> Iterator[OddBucket]:
    with odd_bucket() as bucket:
        yield bucket


@pytest.fixture
def landing(bucket: OddBucket, tmp_path: Path) -> Landing:
    """Exports in a bucket, the lakehouse on a disk."""
    return Landing(tmp_path, raw_url="s3://lake/raw", storage_options=bucket.environment)


def refuse(bucket: OddBucket, key: str, refusal: Refusal) -> str:
    bucket.refused[f"{RAW}/{key}"] = refusal
    return f"{RAW}/{key}"


@pytest.mark.parametrize(
    ("cause", "where"), crossed(CAUSES, ["data file", SUMMARY_NAME, FILE_LIST_NAME, "manifest-summary.md5"])
)
def test_an_object_that_is_refused_is_the_fault_of_its_export_alone(
    landing: Landing, bucket: OddBucket, cause: str, where: str
) -> None:
    """B1: a named verdict with the cause; the others load; it loads when the object can be read, by itself."""
    refusal, verdict, words = CAUSES[cause]
    bad, good = landing.full("a", "b"), landing.window("c")
    key = refuse(bucket, bad.files[1].key if where == "data file" else key_of(bad, where), refusal)
    done = landing.ingest()
    assert [batch.id for batch in done.loaded] == ids(good)
    assert [(refused.export_id, refused.verdict) for refused in done.refused] == [(bad.export_id, verdict)]
    assert words in done.refused[0].message

    bucket.refused.pop(key)
    assert [batch.id for batch in landing.ingest(NOW + HOUR).loaded] == ids(bad)


def test_while_nothing_changes_a_refused_object_costs_one_request_a_look(landing: Landing, bucket: OddBucket) -> None:
    """B2: of an export of many files, the one at fault is asked for one byte."""
    bad = landing.full("a", "b", "c")
    refuse(bucket, bad.files[1].key, DENIED)
    first = landing.ingest()
    bucket.requests.clear()
    assert landing.ingest(NOW + HOUR).refused == first.refused
    assert bucket.requests == ["LIST", f"GET {RAW}/{bad.files[1].key}"]
    assert landing.lakehouse.open(EXPORT_VERDICTS).row_count == 1


def test_an_archived_export_is_fetched_once_all_its_files_can_be_read(landing: Landing, bucket: OddBucket) -> None:
    """B2: restores end one by one; until the last has ended, files are asked for a byte each and not fetched again."""
    lines = [[f'{{"Item":{{"pk":{{"S":"{number}"}}}}}}'] for number in range(6)]
    export = landing._write(ExportType.FULL, AT, AT, lines)
    keys = [f"{RAW}/{file.key}" for file in export.files]
    for key in keys[1:]:
        bucket.archive(key)
    assert landing.ingest().refused[0].verdict == "archived"
    bucket.refused.pop(keys[1])
    assert landing.ingest(NOW + HOUR).refused[0].file == export.files[5].key
    for key in keys[2:5]:
        bucket.refused.pop(key)
    bucket.requests.clear()
    assert landing.ingest(NOW + 2 * HOUR).loaded == []
    assert bucket.requests == ["LIST", f"GET {keys[5]}"]
    bucket.refused.pop(keys[5])
    assert [batch.id for batch in landing.ingest(NOW + 3 * HOUR).loaded] == ids(export)


def test_credentials_that_run_out_meanwhile_are_no_fault_of_an_export(landing: Landing, bucket: OddBucket) -> None:
    """B1: the listing was answered, then every object says that the token is old: no verdict, the run ends."""
    export = landing.full("a")
    for name in bucket.objects:
        bucket.refused[name] = Refusal("ExpiredToken", status=400)
    with pytest.raises(PermanentError, match="renew the AWS credentials"):
        landing.ingest()
    assert read_refusals(landing.lakehouse, TABLE) == {}
    bucket.refused.clear()
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)


def test_a_throttled_key_is_tried_again(landing: Landing, bucket: OddBucket) -> None:
    export = landing.full("a")
    bucket.refused[f"{RAW}/{export.files[1].key}"] = Refusal("KMS.ThrottlingException", status=400)
    with pytest.raises(TransientError):
        landing.ingest()


@pytest.mark.parametrize("verdict", ["data_file_missing", "not_gzip"])
def test_the_file_at_fault_in_the_shared_folder_is_asked_about_alone(
    landing: Landing, bucket: OddBucket, verdict: str
) -> None:
    """B2: an export of many files costs a look one request, and loads when the file has landed."""
    export = many_files(landing, 20)
    key = f"{RAW}/{export.files[15].key}"
    data = bucket.objects.pop(key)
    if verdict == "not_gzip":
        bucket.objects[key] = b"no gzip"
    bucket.requests.clear()
    assert [refused.verdict for refused in landing.ingest().refused] == [verdict]
    assert bucket.counted("HEAD") == 0
    bucket.requests.clear()
    landing.ingest(NOW + HOUR)
    assert bucket.requests == ["LIST", f"GET {key}"]
    bucket.objects[key] = data
    assert [batch.id for batch in landing.ingest(NOW + 2 * HOUR).loaded] == ids(export)


def test_a_look_at_an_export_of_5000_files_costs_two_requests(landing: Landing, bucket: OddBucket) -> None:
    """B2: its manifests have landed, and none of its data files has."""
    export = many_files(landing, 1)
    many = replace(
        export,
        item_count=5_000,
        files=tuple(
            DataFile(key=f"AWSDynamoDB/data/{number:026d}.json.gz", item_count=1, md5=export.files[0].md5)
            for number in range(5_000)
        ),
    )
    manifests = {
        FILE_LIST_NAME: render_file_list(many, bucket_prefix=f"{RAW}/"),
        SUMMARY_NAME: render_summary(many, bucket="lake", bucket_prefix=f"{RAW}/", ended_at=NOW),
    }
    for name, data in manifests.items():
        write_bytes(landing.store, key_of(export, name), data)
        write_bytes(landing.store, key_of(export, name.replace(".json", ".md5")), md5_base64(data).encode())
    bucket.requests.clear()
    assert [refused.verdict for refused in landing.ingest().refused] == ["data_file_missing"]
    assert len(bucket.requests) <= 40
    bucket.requests.clear()
    assert [refused.file for refused in landing.ingest(NOW + HOUR).refused] == [many.files[0].key]
    assert bucket.requests == ["LIST", f"GET {RAW}/{many.files[0].key}"]


def test_an_export_that_nobody_has_refused_costs_no_request_for_each_file(landing: Landing, bucket: OddBucket) -> None:
    """A file is asked for once: when it is loaded."""
    export = many_files(landing, 20)
    bucket.requests.clear()
    landing.ingest()
    data = [f"GET {RAW}/{file.key}" for file in export.files]
    assert sorted(request for request in bucket.requests if "/data/" in request) == sorted(data)
    assert len(bucket.requests) <= len(data) + 20


def test_another_file_that_is_at_fault_then_is_asked_about_next(landing: Landing, bucket: OddBucket) -> None:
    export = many_files(landing, 4)
    lost = {f"{RAW}/{export.files[number].key}": b"" for number in (1, 3)}
    lost = {key: bucket.objects.pop(key) for key in lost}
    first, second = lost
    assert landing.ingest().refused[0].file == export.files[1].key
    bucket.objects[first] = lost[first]
    assert landing.ingest(NOW + HOUR).refused[0].file == export.files[3].key
    bucket.objects[second] = lost[second]
    assert [batch.id for batch in landing.ingest(NOW + 2 * HOUR).loaded] == ids(export)


def test_an_export_that_is_copied_slowly_is_fetched_once(landing: Landing, bucket: OddBucket) -> None:
    """B2: after it was found incomplete, its files are asked for a byte each, and nothing of it is fetched in vain."""
    export = many_files(landing, 6)
    keys = [f"{RAW}/{file.key}" for file in export.files]
    late = {key: bucket.objects.pop(key) for key in keys[2:]}
    landing.ingest()
    for key in keys[2:5]:
        bucket.objects[key] = late[key]
    assert landing.ingest(NOW + HOUR).refused[0].file == export.files[5].key
    bucket.requests.clear()
    landing.ingest(NOW + 2 * HOUR)
    assert bucket.requests == ["LIST", f"GET {keys[5]}"]
    bucket.objects[keys[5]] = late[keys[5]]
    assert [batch.id for batch in landing.ingest(NOW + 3 * HOUR).loaded] == ids(export)


def test_a_refusal_of_an_earlier_release_is_judged_once_more(landing: Landing, bucket: OddBucket) -> None:
    """Its fingerprint was made otherwise, and it names no file."""
    export = many_files(landing, 2)
    data = bucket.objects.pop(f"{RAW}/{export.files[0].key}")
    landing.ingest()
    verdicts = landing.lakehouse.open(EXPORT_VERDICTS)
    old = verdicts.scan().collect().with_columns(fingerprint=pl.lit("0" * 32), file=pl.lit(None, dtype=pl.String))
    verdicts.commit([verdicts.folder.write(old.lazy())], remove=verdicts.files["path"].to_list())
    landing.ingest(NOW + HOUR)
    bucket.requests.clear()
    landing.ingest(NOW + 2 * HOUR)
    assert len(bucket.requests) == 2
    bucket.objects[f"{RAW}/{export.files[0].key}"] = data
    assert [batch.id for batch in landing.ingest().loaded] == ids(export)


def test_of_many_refused_exports_a_tick_asks_about_the_newest(landing: Landing, bucket: OddBucket) -> None:
    """B2: exports that stay in an archive for good do not keep one from loading that is mended today."""
    old, new = landing.full("a"), landing.full("b", at=AT + HOUR)
    for export in (old, new):
        bucket.archive(f"{RAW}/{export.files[1].key}")
    landing.ingest()
    bucket.refused.pop(f"{RAW}/{new.files[1].key}")
    refusals, found = read_refusals(landing.lakehouse, TABLE), find_exports(landing.store)
    now = fingerprints_now(landing.store, found, refusals, landing.declared.owner, asked_at_most=1)
    assert [key for key, refusal in refusals.items() if now[key] != refusal.fingerprint] == [(new.export_id, "")]


def test_a_changed_contract_reopens_what_it_had_refused(landing: Landing, bucket: OddBucket) -> None:
    """B3: the moved table's exports are taken when the contract lists its ARN, and looked at once until then."""
    landing.full("a", table_id="equal")
    moved = landing.full("b", at=AT + HOUR, region="eu-west-1", table_id="equal")
    assert [refused.verdict for refused in landing.ingest().refused] == ["wrong_table"]
    bucket.requests.clear()
    landing.ingest()
    assert bucket.requests == ["LIST"]
    landing.declared = replace(landing.declared, accepts=(moved.table_arn,))
    assert [batch.id for batch in landing.ingest().loaded] == ids(moved)


def many_files(landing: Landing, count: int) -> Export:
    """An incremental export of many files, as DynamoDB writes them however few the items."""
    micros = int((AT + timedelta(minutes=1)).timestamp()) * 1_000_000
    files = [[upsert_record({"pk": {"S": str(n)}}, {"pk": {"S": str(n)}}, micros)] for n in range(count)]
    return landing._write(ExportType.INCREMENTAL, AT, AT + HOUR, files)

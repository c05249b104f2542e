"""A place that holds no table, or that cannot be read or written, says what was expected, what is there, what to do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake
from deltalake.exceptions import DeltaError

from medallion_assets.delta.storage_errors import commit_failed, refusals, storage_errors, words
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import DiskFullError, MedallionError, PermanentError, TransientError, UnreadableTableError
from medallion_assets_tests.refining.planting import DAY, STOCK, put, stock
from medallion_assets_tests.services.bucket import Refusal, odd_bucket
from medallion_assets_tests.services.s3 import S3Server

LOG = "_delta_log"
FIRST = f"{LOG}/{0:020d}.json"


def place(lakehouse: Lakehouse) -> Path:
    return Path(lakehouse.uri(STOCK))


def refused(work: Callable[[], object]) -> PermanentError:
    with pytest.raises(PermanentError) as error:
        work()
    assert error.value.expected
    assert "\n" not in str(error.value)
    assert "MEDALLION_LAKEHOUSE_URL" in str(error.value.do)
    return error.value


def plant_file(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("not a table")


def plant_strangers(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "part-1.parquet").write_bytes(b"rows of somebody")


def plant_garbage(folder: Path) -> None:
    (folder / LOG).mkdir(parents=True)
    (folder / FIRST).write_text("garbage\n")


def plant_half_a_log(folder: Path) -> None:
    put(Lakehouse(url=str(folder.parents[1])), ("a", DAY, 1))
    (folder / FIRST).unlink()


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (plant_file, "Invalid table location"),
        (plant_strangers, "files without a _delta_log, such as part-1.parquet"),
        (plant_garbage, "Json error"),
        (plant_half_a_log, "No table metadata or protocol found"),
    ],
)
def test_what_is_no_table_is_told_and_left_as_it_is(
    lakehouse: Lakehouse, plant: Callable[[Path], None], found: str
) -> None:
    plant(place(lakehouse))
    before = sorted(place(lakehouse).rglob("*"))
    error = refused(lambda: lakehouse.open(STOCK))
    assert isinstance(error, UnreadableTableError)
    assert error.what == "silver.stock cannot be read"
    assert str(place(lakehouse)) in str(error.expected)
    assert found in str(error.found)
    assert "<unknown>" not in str(error.found)
    assert sorted(place(lakehouse).rglob("*")) == before


def test_somebody_elses_table_is_not_written_to(lakehouse: Lakehouse) -> None:
    """It would be given our columns, and rows."""
    write_deltalake(lakehouse.uri(STOCK), pl.DataFrame({"theirs": [1]}))
    error = refused(lambda: lakehouse.open(STOCK))
    assert (error.expected, error.found) == ("columns item_id", "columns theirs")
    assert not (place(lakehouse) / LOG / f"{1:020d}.json").exists()


def test_a_folder_that_is_only_made_yet_becomes_a_table(lakehouse: Lakehouse) -> None:
    (place(lakehouse) / LOG).mkdir(parents=True)
    assert lakehouse.ready(STOCK).version == 0


def test_a_version_that_is_gone_is_no_table(lakehouse: Lakehouse) -> None:
    put(lakehouse, ("a", DAY, 1))
    with pytest.raises(UnreadableTableError, match=r"version 1 .* version 99"):
        lakehouse.open(STOCK, version=99)


@pytest.mark.parametrize("url", ["/proc/nothing/may/be/made/here", "/dev/null/lakehouse"])
def test_a_place_where_nothing_can_be_made_is_refused(url: str) -> None:
    """The kernel's own folders, for not even the administrator may write there."""
    error = refused(lambda: Lakehouse(url=url).ready(STOCK))
    assert error.what == "silver.stock cannot be read or written"
    assert "Could not create local directory" in str(error.found)


def test_a_place_that_becomes_unwritable_is_refused(lakehouse: Lakehouse) -> None:
    put(lakehouse, ("a", DAY, 1))
    snapshot = lakehouse.open(STOCK)
    partition = place(lakehouse) / f"counted_date={DAY}"
    shutil.rmtree(partition)
    partition.write_text("a file in the way")
    error = refused(lambda: snapshot.folder.write(stock(("b", DAY, 2)), partition=DAY))
    assert "Not a directory" in str(error.found)


@pytest.mark.parametrize(
    "raised",
    [
        OSError("unexpected end of file"),
        PermissionError("Permission denied (os error 13): /raw/customers/data.json.gz"),
    ],
)
def test_what_goes_wrong_where_rows_come_from_is_not_the_tables_fault(raised: OSError) -> None:
    """Whoever writes them knows what their source is."""
    with pytest.raises(OSError, match=re.escape(str(raised))), refusals(STOCK, "/lake/silver/stock/part-1.parquet"):
        raise raised


def test_looking_for_a_table_is_refused_as_opening_it_is(lakehouse: Lakehouse) -> None:
    plant_file(place(lakehouse))
    assert "Not a directory" in str(refused(lambda: lakehouse.exists(STOCK)).found)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (PermissionError("[Errno 13] Permission denied"), PermanentError),
        (OSError("Kernel error -> The operation lacked the necessary privileges: 403 Forbidden"), PermanentError),
        (OSError("Generic S3 error: 404 Not Found <Code>NoSuchBucket</Code>"), PermanentError),
        (OSError("Generic S3 error: 400 Bad Request <Code>KMS.DisabledException</Code>"), PermanentError),
        (OSError("Generic S3 error: 400 Bad Request <Code>KMS.KMSInvalidStateException</Code>"), PermanentError),
        (OSError("Generic S3 error: 400 Bad Request <Code>KMS.ThrottlingException</Code>"), TransientError),
        (OSError("Generic S3 error: builder error: URL scheme is not allowed"), PermanentError),
        (OSError("Generic S3 error: 503 Service Unavailable"), TransientError),
        (OSError("No space left on device (os error 28)"), DiskFullError),
        (DeltaError("Kernel error: Unsupported minimum reader version 9"), UnreadableTableError),
    ],
)
def test_what_passes_by_itself_is_transient(raised: Exception, kind: type[MedallionError]) -> None:
    with pytest.raises(MedallionError) as error, storage_errors("silver.stock", "s3://lake/silver/stock"):
        raise raised
    assert type(error.value) is kind
    assert error.value.do


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (OSError("Generic S3 error: 400 Bad Request <Code>KMS.DisabledException</Code>"), PermanentError),
        (OSError("Generic S3 error: 404 Not Found <Code>NoSuchBucket</Code>"), PermanentError),
        (PermissionError("denied"), PermanentError),
        (OSError("Generic S3 error: 400 Bad Request <Code>KMS.ThrottlingException</Code>"), TransientError),
        (OSError("No space left on device (os error 28)"), DiskFullError),
    ],
)
def test_a_commit_is_refused_for_what_refuses_a_data_file(raised: Exception, kind: type[MedallionError]) -> None:
    """A commit without data files is the first to meet a key that was disabled."""
    failed = commit_failed("silver.stock", "s3://lake/silver/stock", raised)
    assert (type(failed), str(raised) in str(failed.found), bool(failed.do)) == (kind, True, True)


def test_errors_of_the_libraries_are_told_in_one_line() -> None:
    error = DeltaError("Generic error\n   \x1b[31m↳\x1b[0m no answer\n  0: <unknown>\n  1: start\n     at ./x.c:8\n")
    assert words(error) == "Generic error: no answer"
    assert words(OSError()) == "OSError"
    assert len(words(OSError("x" * 9000))) == 400


def test_a_bucket_is_told_from_a_table(s3_server: S3Server) -> None:
    """What is no table on S3; and a bucket that is not there at all."""
    bucket = s3_server.make_bucket()
    lakehouse = Lakehouse(url=f"s3://{bucket}/lake", storage_options=s3_server.environment)
    s3_server.client.put_object(Bucket=bucket, Key="lake/silver/stock/part-1.parquet", Body=b"rows")
    assert "such as part-1.parquet" in str(refused(lambda: lakehouse.open(STOCK)).found)
    typo = Lakehouse(url=f"s3://{bucket}-typo/lake", storage_options=s3_server.environment)
    assert "NoSuchBucket" in str(refused(lambda: typo.open(STOCK)).found)


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidToken", "AuthorizationHeaderMalformed"])
def test_a_bucket_that_takes_no_request_of_ours_is_for_a_person(code: str) -> None:
    """S3 answers these with 400, which the storage libraries call a failure like any other."""
    with odd_bucket() as bucket:
        bucket.refused = {"": Refusal(code, status=400), "lake/silver/stock/_delta_log/_last_checkpoint": Refusal(code)}
        options = {**bucket.environment, "max_retries": "0"}
        error = refused(lambda: Lakehouse(url="s3://lake/lake", storage_options=options).open(STOCK))
    assert code in str(error.found)


def test_a_key_that_the_storage_cannot_parse_does_not_come_again_otherwise() -> None:
    """A foreign object below a table's log: permanent, whatever the libraries call it."""
    with odd_bucket() as bucket:
        bucket.objects["lake/silver/stock/_delta_log//00000000000000000000.json"] = b""
        options = bucket.environment
        error = refused(lambda: Lakehouse(url="s3://lake/lake", storage_options=options).open(STOCK))
    assert "empty path segment" in str(error.found)


@pytest.mark.parametrize("ask", [lambda snapshot: snapshot.transaction("nobody"), lambda snapshot: snapshot.history(1)])
def test_a_log_that_breaks_after_a_table_was_opened_is_no_table(
    lakehouse: Lakehouse, ask: Callable[[Snapshot], object]
) -> None:
    """delta-rs looks into the log again for each of these, and raises errors of its own."""
    put(lakehouse, ("a", DAY, 1))
    snapshot = lakehouse.open(STOCK)
    for commit in (place(lakehouse) / LOG).iterdir():
        commit.write_text("garbage\n")
    error = refused(lambda: ask(snapshot))
    assert isinstance(error, UnreadableTableError)

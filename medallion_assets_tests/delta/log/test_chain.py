"""The chain of commits: each names the bytes of the one before, and a file beside the log the last."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from deltalake import DeltaTable

from medallion_assets.delta.files.data_files import store_of
from medallion_assets.delta.log.chain import (
    LAST_COMMIT,
    LOST,
    PARENT,
    LastCommit,
    chain_notes,
    commit_path,
    parse_last_commit,
)
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests.faults.injection import COMMITS, Disturbance, loses_its_answer
from medallion_assets_tests.refining.planting import DAY, STOCK, put
from medallion_assets_tests.services.s3 import S3Server


def digest(lakehouse: Lakehouse, version: int) -> str:
    return hashlib.sha256(Path(lakehouse.uri(STOCK), commit_path(version)).read_bytes()).hexdigest()


def last(lakehouse: Lakehouse) -> LastCommit | None:
    return parse_last_commit(Path(lakehouse.uri(STOCK), LAST_COMMIT).read_bytes())


def test_each_commit_names_the_bytes_of_the_one_before(lakehouse: Lakehouse) -> None:
    """Also of commits that others made."""
    put(lakehouse, ("a", DAY, 1))
    DeltaTable(lakehouse.uri(STOCK)).alter.set_table_properties({"delta.checkpointInterval": "50"})
    put(lakehouse, ("b", DAY, 2))
    commits = commits_since(lakehouse.open(STOCK), -1)
    assert [commit.get(PARENT) for commit in commits] == [digest(lakehouse, 2), None, digest(lakehouse, 0), None]


def test_the_last_commit_is_named_beside_the_log(lakehouse: Lakehouse) -> None:
    """After a lost answer as well."""
    put(lakehouse, ("a", DAY, 1))
    assert last(lakehouse) == LastCommit(version=1, digest=digest(lakehouse, 1))
    put(Disturbance(0, loses_its_answer, COMMITS).of(lakehouse), ("b", DAY, 2))
    assert last(lakehouse) == LastCommit(version=2, digest=digest(lakehouse, 2))


def test_where_no_commit_lies_none_is_named(lakehouse: Lakehouse) -> None:
    assert chain_notes(store_of(lakehouse.ready(STOCK).uri, {}), 5) == {}


def test_the_digest_named_is_that_of_the_bytes_as_they_were_written(lakehouse: Lakehouse) -> None:
    """So the next commit does not bless what was damaged meanwhile."""
    put(lakehouse, ("a", DAY, 1))
    written = digest(lakehouse, 1)
    path = Path(lakehouse.uri(STOCK), commit_path(1))
    path.write_bytes(path.read_bytes().replace(b'pieces\\": 1', b'pieces\\": 3'))
    put(lakehouse, ("b", DAY, 2))
    assert commits_since(lakehouse.open(STOCK), 1)[0][PARENT] == written != digest(lakehouse, 1)


def test_a_commit_on_a_log_that_lost_its_last_ones_says_so(lakehouse: Lakehouse) -> None:
    """It takes the place of one that was there, and the evidence would be gone."""
    for number in (1, 2, 3):
        put(lakehouse, ("a", DAY, number))
    for version in (2, 3):
        Path(lakehouse.uri(STOCK), commit_path(version)).unlink()
    assert put(lakehouse, ("b", DAY, 4)) == 2
    assert commits_since(lakehouse.open(STOCK), 1)[0][LOST] == "3"
    assert last(lakehouse) == LastCommit(version=2, digest=digest(lakehouse, 2))


def test_a_commit_that_is_in_stays_so_when_its_name_cannot_be_written(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lakehouse, ("a", DAY, 1))

    def fails(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("obstore.put", fails)
    assert put(lakehouse, ("b", DAY, 2)) == 2
    assert last(lakehouse) == LastCommit(version=1, digest=digest(lakehouse, 1))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": "x", "sha256": ""}'])
def test_a_damaged_name_is_none(data: bytes) -> None:
    assert parse_last_commit(data) is None


def test_a_bucket_holds_the_same(s3_server: S3Server) -> None:
    bucket = s3_server.make_bucket()
    lakehouse = Lakehouse(url=f"s3://{bucket}/lake", storage_options=s3_server.environment)
    put(lakehouse, ("a", DAY, 1))
    put(lakehouse, ("b", DAY, 2))
    key = "lake/silver/stock/"
    files = {
        name: s3_server.client.get_object(Bucket=bucket, Key=key + name)["Body"].read()
        for name in (commit_path(1), commit_path(2), LAST_COMMIT)
    }
    first, second = (hashlib.sha256(files[commit_path(version)]).hexdigest() for version in (1, 2))
    assert commits_since(lakehouse.open(STOCK), 1)[0][PARENT] == first
    assert parse_last_commit(files[LAST_COMMIT]) == LastCommit(version=2, digest=second)

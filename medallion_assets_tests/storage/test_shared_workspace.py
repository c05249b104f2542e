"""A workspace beside the tables, on a disk and in a bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.engines.aside import Aside, Place
from medallion_assets.storage.options import StorageOptions
from medallion_assets.storage.shared_workspace import ABANDONED_AFTER, FOLDER, shared_workspace
from medallion_assets_tests.services.s3 import S3Server

NOW = datetime(2025, 1, 10, tzinfo=UTC)


def test_on_a_disk_it_lies_beside_the_layers_and_goes(tmp_path: Path) -> None:
    with shared_workspace(str(tmp_path), {}) as url:
        assert Path(url).parent == tmp_path / FOLDER
        (Path(url) / "aside.parquet").touch()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_who_outlives_its_driver_writes_nothing_into_a_workspace_that_is_gone(tmp_path: Path) -> None:
    """As a server of Spark's that finishes what a killed driver had asked for."""
    with shared_workspace(str(tmp_path), {}) as url:
        aside = Aside(Place(url))
    with pytest.raises(FileNotFoundError):
        aside(pl.DataFrame({"a": [1]}))
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_in_a_bucket_too_and_one_goes_that_was_abandoned(s3_server: S3Server) -> None:
    """What another run holds, and what is no workspace, stays."""
    bucket = s3_server.make_bucket()
    options = StorageOptions(
        {name: s3_server.environment[name] for name in s3_server.environment if "DEFAULT" not in name}
    )
    rows = pl.DataFrame({"a": range(10)})

    def keys() -> list[str]:
        found = s3_server.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return sorted(entry["Key"] for entry in found)

    old = f"lake/{FOLDER}/{NOW - ABANDONED_AFTER - timedelta(seconds=1):%Y%m%dT%H%M%SZ}-1/aside.parquet"
    young = f"lake/{FOLDER}/{NOW - ABANDONED_AFTER + timedelta(hours=1):%Y%m%dT%H%M%SZ}-2/aside.parquet"
    others = f"lake/{FOLDER}/notes/aside.parquet"
    for key in (old, young, others):
        s3_server.client.put_object(Bucket=bucket, Key=key, Body=b"x")
    with shared_workspace(f"s3://{bucket}/lake", options, now=NOW) as url:
        assert Aside(Place(url, options))(rows).collect().equals(rows)
        assert set(keys()) > {young, others}
        assert len(keys()) == 3
        folder = url.removeprefix(f"s3://{bucket}/")
        for marked in (f"{folder}/", f"{folder}/gold/"):  # as Hadoop makes a folder
            s3_server.client.put_object(Bucket=bucket, Key=marked, Body=b"")
    assert keys() == sorted([young, others])


def test_what_cannot_be_tidied_up_is_a_warning(s3_server: S3Server, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the sweep before nor the removal after stops the work, or hides its own error."""
    options = StorageOptions(
        {name: s3_server.environment[name] for name in s3_server.environment if "DEFAULT" not in name}
    )
    with (
        pytest.raises(ValueError, match="the work's own"),
        shared_workspace("s3://there-is-no-such-bucket/lake", options, now=NOW),
    ):
        raise ValueError("the work's own")
    assert len([line for line in caplog.messages if "could not be tidied up" in line]) == 2

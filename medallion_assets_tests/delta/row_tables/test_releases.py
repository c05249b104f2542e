"""The latest release is the one with the highest versions, of the tables that are there now (rule D8)."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.table import Column, Integer, Table
from medallion_assets.delta.row_tables.releases import (
    RELEASES,
    Release,
    latest_release,
    open_release,
    record_release,
    versions_of,
)
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError

DIMENSION = Table(
    name="gold.dimension", description="of a test", key=("key",), columns=(Column("key", Integer(), "the key"),)
)


def release(lake: Lakehouse, release_id: str, version: int, *, hour: int = 0) -> Release:
    """Record a release of a version of the table that there is now."""
    made = Release(
        release_id=release_id,
        build="star",
        run_id=None,
        started_at=datetime(2025, 1, 1, hour, tzinfo=UTC),
        sources="{}",
        tables=versions_of([lake.ready(DIMENSION)], {DIMENSION.name: version}),
    )
    record_release(lake, made)
    return made


def test_the_highest_version_counts_whenever_its_row_was_written(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    assert latest_release(lake, "star", DIMENSION) is None
    later = release(lake, "b", 2, hour=1)
    release(lake, "a", 1, hour=9)
    assert latest_release(lake, "star", DIMENSION) == later
    assert latest_release(lake, "another", DIMENSION) is None


def test_a_table_made_anew_has_no_release_yet(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    before = release(lake, "a", 0)
    shutil.rmtree(lake.uri(DIMENSION))
    assert latest_release(lake, "star", DIMENSION) is None
    lake.create(DIMENSION)
    assert latest_release(lake, "star", DIMENSION) is None
    with pytest.raises(PermanentError, match="dropped and recreated"):
        open_release(lake, before, DIMENSION)


def test_a_release_of_other_tables_says_so(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    other = Table(name="gold.other", description="of a test", columns=DIMENSION.columns)
    with pytest.raises(PermanentError, match=r"has no gold\.other; expected: one of gold\.dimension"):
        open_release(lake, release(lake, "a", 0), other)
    assert latest_release(lake, "star", lake.ready(other).table) is None  # a model that the build has only got since


def test_the_release_of_a_moment_is_found_though_the_table_of_releases_was_compacted(tmp_path: Path) -> None:
    """Its former files are gone, so that none of its older versions can be read."""
    lake = Lakehouse(url=str(tmp_path))
    before = datetime.now(UTC) - timedelta(seconds=1)
    first = release(lake, "a", 0)
    moment = datetime.now(UTC)
    table = lake.open(DIMENSION)
    table.commit([table.folder.write(pl.LazyFrame({"key": [1]}))])
    second = release(lake, "b", 1)

    rows = lake.open(RELEASES)
    paths = rows.files["path"].to_list()
    rows.commit([rows.folder.write(rows.scan())], remove=paths)
    for path in paths:
        (Path(rows.uri) / path).unlink()
    found = [latest_release(lake, "star", DIMENSION, as_of=when) for when in (before, moment, datetime.now(UTC))]
    assert found == [None, first, second]

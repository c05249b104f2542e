"""The latest release is the one with the highest versions, of the tables that are there now (rule D8)."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medallion_assets.contracts.table import Column, Integer, Table
from medallion_assets.delta.releases import Release, latest_release, open_release, record_release, versions_of
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
    with pytest.raises(PermanentError, match="dropped and made anew"):
        open_release(lake, before, DIMENSION)


def test_a_release_of_other_tables_says_so(tmp_path: Path) -> None:
    lake = Lakehouse(url=str(tmp_path))
    other = Table(name="gold.other", description="of a test", columns=DIMENSION.columns)
    with pytest.raises(PermanentError, match=r"has no gold\.other; expected: one of gold\.dimension"):
        open_release(lake, release(lake, "a", 0), other)
    assert latest_release(lake, "star", lake.ready(other).table) is None  # a model that the build has only got since

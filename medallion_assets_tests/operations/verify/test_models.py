"""dbt models are built again from their release's Silver: what differs is found, what cannot be repeated is said."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.partitions import conform
from medallion_assets.delta.releases import latest_release
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.publish import publish
from medallion_assets.operations.verify.findings import Finding
from medallion_assets.operations.verify.models import model_differences
from medallion_assets_tests.deriving.dbt.planting import NOW
from medallion_assets_tests.deriving.dbt.test_publish import DIMENSION, FACT, TABLES, built, publication

pytestmark = pytest.mark.xdist_group("dbt")  # importing dbt takes seconds


def differing(lake: Lakehouse, *months: int) -> list[Finding]:
    """What differs from a build that gives a fact in some months."""
    release = latest_release(lake, "star", FACT)
    assert release is not None
    with built(1, *months) as connection:
        return [each for table in TABLES for each in model_differences(connection, release, lake.open(table))]


def test_each_partition_that_differs_is_named(tmp_path: Path) -> None:
    """By a row that was changed, and by all of a month's; what is the same is not."""
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1, 2), build="star", run_id=None, now=NOW)
    assert differing(lake, 1, 2) == []
    change(lake, FACT, pl.col("amount") + 1)
    changed, missing = differing(lake, 1, 2, 3)
    assert (changed.table, changed.check) == (FACT.name, "equals_recomputation")
    assert changed.expected.startswith("1 rows in month 2025-01-01 as the Silver of release release-1 gives them")
    assert "1 of them other, 1 missing; keys such as [(datetime.date(2025, 1, 1), 1)]" in changed.found
    assert changed.do.startswith("medallion rebuild gold.fact")
    assert "month 2025-03-01" in missing.expected
    change(lake, DIMENSION, pl.lit(7, pl.Int64).alias("number"))
    assert [finding.table for finding in differing(lake, 1, 2)] == [DIMENSION.name, FACT.name]


def test_a_burst_that_was_not_completed_is_no_difference(tmp_path: Path) -> None:
    """Readers of releases do not see it, and the next build replaces it. Nor is a release that came in meanwhile."""
    lake = Lakehouse(url=str(tmp_path))
    publish(publication(lake, 1, 1), build="star", run_id=None, now=NOW)
    before = lake.open(DIMENSION)
    next(publication(lake, 2, 1).burst())
    assert differing(lake, 1) == []
    release = publish(publication(lake, 3, 1), build="star", run_id=None, now=NOW).release
    with built(3, 1) as connection:
        assert list(model_differences(connection, release, before)) == []


def change(lake: Lakehouse, table: Table, changed: pl.Expr) -> None:
    """Change all rows of a table by hand, in one commit; where it has months, those of January."""
    snapshot = lake.open(table)
    day = snapshot.partitions[0] if table.partition_by else None
    paths = (
        snapshot.partition_files([day])["path"].to_list() if table.partition_by else snapshot.files["path"].to_list()
    )
    staged = snapshot.folder.stage(conform(snapshot.scan(paths=paths).with_columns(changed), table), partition=day)
    snapshot.commit([staged], remove=paths)

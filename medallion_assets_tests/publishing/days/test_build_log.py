"""Whether a day of Gold without rows is right to be empty, as the logs tell."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.pipeline import AsOf, Gold
from medallion_assets.delta.notes.commit_notes import RESTATED
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets.publishing.days.build_log import BuildLog
from medallion_assets_tests.delta.older_copies import OlderCopy
from medallion_assets_tests.orchestration.sensors.restated_days import plant
from medallion_assets_tests.pipeline import lakehouse_at

DAY = date(2025, 5, 7)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
BOTH = pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])


def is_right(lakehouse: Lakehouse, gold: Gold, day: date = DAY) -> bool:
    return BuildLog(gold, lakehouse.open(gold.table)).is_right(day)


@BOTH
def test_a_day_that_was_never_built_is_not(tmp_path: Path, gold: Gold) -> None:
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, {DAY: "10"})
    lakehouse.ready(gold.table)
    assert not is_right(lakehouse, gold)
    assert is_right(lakehouse, gold, BEFORE), "there is nothing to build it from"
    assert is_right(lakehouse, gold, AFTER) is not isinstance(gold, AsOf)


@BOTH
def test_a_day_that_lost_its_rows_is_not(tmp_path: Path, gold: Gold) -> None:
    """The commit that built it is in the log still."""
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, {DAY: "10"})
    build(lakehouse, gold, [DAY])
    lakehouse.open(gold.table).delta.restore(0)
    assert lakehouse.open(gold.table).row_count == 0
    assert not is_right(lakehouse, gold)
    build(lakehouse, gold, [DAY])
    assert is_right(lakehouse, gold)


def test_a_day_that_was_built_empty_is_until_its_source_changes(tmp_path: Path) -> None:
    """Its rows count for nothing, such as sales that are pending."""
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, {DAY: "10", BEFORE: "5"})
    source = lakehouse.open(DAILY_SALES.source)
    pending = source.scan(partitions=[DAY]).collect().with_columns(status=pl.lit("pending"))
    plain = pending.select(pl.col(name).cast(kind) for name, kind in polars_schema(source.table).items())
    written = [source.folder.write(plain.lazy(), partition=DAY)]
    removed = source.partition_files([DAY])["path"].to_list()
    source.commit(written, remove=removed, metadata={RESTATED: [str(DAY)]})
    build(lakehouse, DAILY_SALES, [DAY])
    assert lakehouse.open(DAILY_SALES.table).row_count == 0
    assert is_right(lakehouse, DAILY_SALES)
    plant(lakehouse, {DAY: "11", BEFORE: "5"})
    assert not is_right(lakehouse, DAILY_SALES)


def test_a_day_that_is_not_kept_is_not(tmp_path: Path) -> None:
    """G5: its rows were removed, and nobody computes them again to publish them."""
    lakehouse, late = lakehouse_at(tmp_path), DAY + timedelta(days=60)
    plant(lakehouse, {DAY: "10"})
    build(lakehouse, LIFETIME_VALUE, [DAY])
    plant(lakehouse, {DAY: "10", late: "5"})
    build(lakehouse, LIFETIME_VALUE, [late])
    assert DAY not in lakehouse.open(LIFETIME_VALUE.table).partitions
    assert not is_right(lakehouse, LIFETIME_VALUE)


@BOTH
def test_what_changed_after_a_version_may_be_left_out(tmp_path: Path, gold: Gold) -> None:
    """P6: two tables that are each a commit behind would wait for each other."""
    lakehouse = lakehouse_at(tmp_path)
    first = plant(lakehouse, {DAY: "10"})
    build(lakehouse, gold, [DAY])
    second = plant(lakehouse, {DAY: "20"})
    built = lakehouse.open(gold.table)
    assert BuildLog(gold, built).source_version(DAY) == first
    assert BuildLog(gold, built).is_right(DAY, up_to=first)
    assert not BuildLog(gold, built).is_right(DAY, up_to=second)
    assert BuildLog(gold, built).built_at(DAY) == built.version
    assert BuildLog(gold, built).built_at(AFTER) is None


@BOTH
@pytest.mark.parametrize("catches_up", [False, True], ids=["behind", "caught up"])
def test_a_day_built_from_what_its_source_lost_to_an_older_copy_is_not(
    tmp_path: Path, gold: Gold, catches_up: bool
) -> None:
    """The source keeps its id; its version numbers come again with other commits."""
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, {DAY: "10"})
    copy = OlderCopy(lakehouse, gold.source)
    lost = plant(lakehouse, {DAY: "20"})
    build(lakehouse, gold, [DAY])
    built = lakehouse.open(gold.table)
    assert BuildLog(gold, built).is_up_to_date(DAY)
    copy.put_back()
    if catches_up:
        plant(lakehouse, {DAY: "10", AFTER: "5"})
        assert plant(lakehouse, {DAY: "10", AFTER: "6"}) > lost
    assert not BuildLog(gold, built).is_up_to_date(DAY)
    assert BuildLog(gold, built).source_version(DAY) is None
    build(lakehouse, gold, [DAY])
    assert BuildLog(gold, lakehouse.open(gold.table)).is_up_to_date(DAY)

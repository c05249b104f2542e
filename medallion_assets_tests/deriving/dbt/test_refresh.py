"""A refresh publishes all models or none, each time from what Silver holds then (rule D8)."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.row_tables.releases import RELEASE_NOTE, RELEASES, latest_release, open_release
from medallion_assets.delta.row_tables.rows import read_rows
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.failures import DBT_FAILURES
from medallion_assets.deriving.dbt.rebuild import rebuild_models
from medallion_assets.deriving.dbt.refresh import refresh
from medallion_assets.errors import ModelTestsError
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.dimensions import DIM_CUSTOMER, DIM_DATE, DIM_PRODUCT
from medallion_assets.pipelines.star_schema.facts import FCT_ORDER_LINE, MART_REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets_tests.deriving.dbt.planting import (
    FEBRUARY,
    JANUARY,
    MARCH,
    NOW,
    lakehouse_at,
    month,
    plant,
    plant_shop,
    refreshed,
    rows,
)
from medallion_assets_tests.deriving.dbt.random_shop import RandomShop
from medallion_assets_tests.oracle.star import Star, dim_date

pytestmark = pytest.mark.xdist_group("dbt")  # importing dbt takes seconds


def held(lake: Lakehouse, table: Table) -> list[dict[str, Any]]:
    """Every row of a table, in the order of its key."""
    return lake.open(table).scan().collect().sort(list(table.key)).to_dicts()


def expect_star(lake: Lakehouse, expected: Star) -> None:
    """Each table holds what the oracle says, row for row."""
    for table in (DIM_CUSTOMER, DIM_PRODUCT, FCT_ORDER_LINE, MART_REVENUE):
        rows = sorted(getattr(expected, table.short_name), key=lambda row: [row[name] for name in table.key])
        assert held(lake, table) == rows, table.name


@pytest.mark.flow
def test_every_model_is_what_the_rules_say_and_then_released(tmp_path: Path) -> None:
    """Rules D1 to D8, all in the one build that is not slow."""
    lake = lakehouse_at(tmp_path)
    shop = RandomShop(Random(1)).fill()
    shop.plant(lake)
    done = refreshed(lake, run_id="run")

    expect_star(lake, shop.star())
    assert held(lake, DIM_DATE) == dim_date()
    assert done.build.tests["lines_have_orders"].failures == shop.star().lines_left_out > 0
    (release,) = read_rows(lake, RELEASES)
    assert release == done.release == latest_release(lake, STAR.name, DIM_CUSTOMER)
    assert {release.version_of(table) for table in STAR.models} == {1}
    assert release.version_of(ORDERS) == lake.open(ORDERS).version
    (commit, *_) = commits_since(lake.open(MART_REVENUE), 0)
    assert release.release_id in commit["medallion_release"]


@pytest.mark.slow
def test_what_is_the_same_keeps_its_files(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    plant(lake, ORDERS, {}, {"order_id": "o2", "ordered_at": FEBRUARY}, {"order_id": "o3", "ordered_at": MARCH})
    lines = [{}, {"order_id": "o2", "ordered_at": FEBRUARY}, {"order_id": "o3", "ordered_at": MARCH}]
    plant(lake, ORDER_LINES, *lines)
    refreshed(lake)
    before = {table.name: lake.open(table).files for table in STAR.models}
    plant(lake, ORDER_LINES, lines[0], {**lines[1], "quantity": 5})  # a day repriced, and the only line of March gone
    done = refreshed(lake)

    assert done.written[FCT_ORDER_LINE.name].replaced == [month(FEBRUARY), month(MARCH)]
    assert rows(lake, FCT_ORDER_LINE, "order_id", "quantity") == [("o1", 2), ("o2", 5)]
    after = lake.open(FCT_ORDER_LINE).partition_files([month(JANUARY)])["path"].to_list()
    assert set(after) <= set(before[FCT_ORDER_LINE.name]["path"])
    assert lake.open(DIM_CUSTOMER).files["path"].to_list() == before[DIM_CUSTOMER.name]["path"].to_list()
    assert done.release is not None
    assert {done.release.version_of(table) for table in STAR.models} == {2}


@pytest.mark.slow
def test_a_failing_test_publishes_nothing_and_keeps_its_rows(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    released = refreshed(lake).release
    first, second = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    plant(lake, CRM_CUSTOMERS, {"valid_from": first}, {"valid_from": second})  # two current versions that overlap
    done = refresh(lake, STAR, now=NOW, run_id="run")

    assert done.release is None
    with pytest.raises(ModelTestsError, match="no_overlapping_validity, one_current_version"):
        done.build.expect_passed()
    expect_rebuild_fails(lake)
    assert all(lake.open(table).version == 1 for table in STAR.models if table is not MART_REVENUE)
    assert latest_release(lake, STAR.name, DIM_CUSTOMER) == released
    kept = sorted(read_rows(lake, DBT_FAILURES), key=lambda row: (str(row.run_id), row.test))
    assert [row.run_id for row in kept] == [None, None, "run", "run"]
    (overlap, current) = kept[2:]
    assert (overlap.run_id, overlap.model, overlap.number) == ("run", "gold.dim_customer", 1)
    assert "customer_key" in str(overlap.key)
    assert '"current_versions": 2' in current.row


@pytest.mark.slow
def test_a_value_that_a_source_lacks_is_told_by_its_column_and_row(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    plant(lake, ORDERS, {}, {"order_id": "o2", "status": None}, {"order_id": "o3", "status": "lost"})
    done = refresh(lake, STAR, now=NOW)

    assert done.release is None
    of_source = [row for row in read_rows(lake, DBT_FAILURES) if row.model == "silver.orders"]
    assert sorted((row.test, row.column, row.key) for row in of_source) == [
        ("orders_status_is_filled", "status", '{"order_id": "o2"}'),
        ("orders_status_is_known", "status", '{"order_id": "o3"}'),
    ]


def expect_rebuild_fails(lake: Lakehouse) -> None:
    """A rebuild keeps rows at fault as well; a dry run writes nothing, and makes no table."""
    held = len(read_rows(lake, DBT_FAILURES))
    shutil.rmtree(lake.uri(MART_REVENUE))
    with pytest.raises(ModelTestsError, match="no dry run"):
        rebuild_models(lake, STAR, DIM_PRODUCT, why="to see", now=NOW, dry_run=True)
    assert not lake.exists(MART_REVENUE)
    assert len(read_rows(lake, DBT_FAILURES)) == held
    with pytest.raises(ModelTestsError, match=r"quarantine\.dbt_failures"):
        rebuild_models(lake, STAR, DIM_PRODUCT, why="to see", now=NOW)


@pytest.mark.slow
def test_a_release_is_read_as_it_was_published(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    release = refreshed(lake).release
    assert release is not None
    plant(lake, ORDER_LINES, {"quantity": 7})
    refreshed(lake)

    assert open_release(lake, release, FCT_ORDER_LINE).scan().collect()["quantity"].to_list() == [2]
    assert open_release(lake, release, ORDER_LINES).scan().collect()["quantity"].to_list() == [2]


@pytest.mark.slow
def test_two_builds_at_once_do_not_mix(tmp_path: Path) -> None:
    """In two threads of one process: dbt's globals are not mixed up, and each release is of one build."""
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: refreshed(lake), range(2)))
    releases = [refresh.release for refresh in done]
    assert latest_release(lake, STAR.name, DIM_CUSTOMER) in releases
    for release in releases:
        assert release is not None
        snapshots = [open_release(lake, release, table) for table in STAR.models]
        made_by = {commits_since(snapshot, snapshot.version - 1)[0][RELEASE_NOTE] for snapshot in snapshots}
        assert made_by == {f'"{release.release_id}"'}


@pytest.mark.slow
def test_a_rebuild_says_what_it_changes_of_its_table(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    refreshed(lake)
    plant(lake, ORDER_LINES, {"quantity": 7})
    asked = rebuild_models(lake, STAR, MART_REVENUE, why="to see", now=NOW, dry_run=True)
    assert (asked.version, asked.changes.changed, asked.changes.restated) == (1, 1, {month(JANUARY)})
    done = rebuild_models(lake, STAR, MART_REVENUE, why="a price was wrong", now=NOW)
    assert (done.version, done.changes.changed) == (2, 1)
    release = latest_release(lake, STAR.name, DIM_CUSTOMER)
    assert release is not None
    assert release.version_of(FCT_ORDER_LINE) == 2
    assert rows(lake, FCT_ORDER_LINE, "quantity") == [(7,)]

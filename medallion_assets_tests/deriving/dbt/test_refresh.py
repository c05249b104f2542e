"""A refresh publishes all models or none, each time from what Silver holds then (rule D8)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from medallion_assets.delta.commit_notes import commits_since
from medallion_assets.delta.releases import RELEASES, latest_release, open_release
from medallion_assets.delta.rows import read_rows
from medallion_assets.deriving.dbt.failures import DBT_FAILURES
from medallion_assets.deriving.dbt.refresh import refresh
from medallion_assets.errors import ModelTestsError
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.dimensions import DIM_CUSTOMER, DIM_DATE
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

pytestmark = pytest.mark.xdist_group("dbt")  # importing dbt takes seconds


def test_publishes_every_model_and_then_the_release(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    done = refreshed(lake, run_id="run")

    assert rows(lake, FCT_ORDER_LINE, "order_id", "order_month", "gross_amount", "discount_amount", "net_amount") == [
        ("o1", month(JANUARY), Decimal("19.98"), Decimal("1.998"), Decimal("17.982"))
    ]
    assert rows(lake, MART_REVENUE, "segment", "category", "order_count", "net_revenue") == [
        ("retail", "home", 1, Decimal("17.982"))
    ]
    assert lake.open(DIM_DATE).row_count == 18_262
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

    assert done.staged[FCT_ORDER_LINE.name].replaced == [month(FEBRUARY), month(MARCH)]
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
    assert all(lake.open(table).version == 1 for table in STAR.models)
    assert latest_release(lake, STAR.name, DIM_CUSTOMER) == released
    (overlap, current) = sorted(read_rows(lake, DBT_FAILURES), key=lambda row: row.test)
    assert (overlap.run_id, overlap.model, overlap.number) == ("run", "gold.dim_customer", 1)
    assert "customer_key" in str(overlap.key)
    assert '"current_versions": "2"' in current.row


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

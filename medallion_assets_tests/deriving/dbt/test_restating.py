"""Building few months gives the tables that building all of them gives (rules D3, D6)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import polars as pl
import pytest

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.delta.duckdb.views import connect
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.restating import affected_months, lost_members
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.facts import FCT_ORDER_LINE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets_tests.deriving.dbt.planting import (
    FEBRUARY,
    JANUARY,
    MARCH,
    lakehouse_at,
    month,
    plant,
    plant_shop,
    refreshed,
    rows,
)
from medallion_assets_tests.deriving.dbt.random_shop import RandomShop
from medallion_assets_tests.deriving.dbt.test_refresh import expect_star

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt")]


def affected(lake: Lakehouse, models: DbtModels = STAR) -> set[str] | None:
    """The months that a refresh would build now."""
    bases, sources = [lake.open(table) for table in STAR.models], [lake.open(table) for table in STAR.sources]
    found = affected_months(lake, models, bases, sources)
    return None if found is None else {f"{day:%B}" for day in found.months}


def test_only_months_that_follow_from_what_changed_are_built(tmp_path: Path) -> None:
    lake = lakehouse_at(tmp_path)
    plant_shop(lake)
    moments = {f"o{number}": moment for number, moment in enumerate((JANUARY, FEBRUARY, MARCH), start=1)}
    orders = [{"order_id": key, "ordered_at": at, "customer_id": f"c{key[1:]}"} for key, at in moments.items()]
    lines = [{"order_id": key, "ordered_at": at} for key, at in moments.items()]
    customers = [{"customer_id": f"c{number}"} for number in (1, 2, 3)]
    for table, planted in ((ORDERS, orders), (ORDER_LINES, lines), (CRM_CUSTOMERS, customers)):
        plant(lake, table, *planted)
    assert refreshed(lake).months is None  # there was no release
    assert affected(lake) == set()

    customers[1]["city"] = "Oslo"  # of February's order
    plant(lake, CRM_CUSTOMERS, *customers)
    assert affected(lake) == {"February"}
    done = refreshed(lake)
    assert done.months == {month(FEBRUARY)}
    assert rows(lake, FCT_ORDER_LINE, "order_id") == [("o1",), ("o2",), ("o3",)]

    _replace_day(lake, lines[0] | {"quantity": 9})
    assert affected(lake) == {"January"}
    assert refreshed(lake).months == {month(JANUARY)}
    assert rows(lake, FCT_ORDER_LINE, "quantity") == [(9,), (2,), (2,)]
    assert affected(lake) == set()
    shutil.copytree(STAR.project, tmp_path / "project")
    (tmp_path / "project" / "models" / "staging" / "stg_orders.sql").write_text("select 1")
    assert affected(lake, replace(STAR, project=tmp_path / "project")) is None
    plant(lake, ORDER_LINES, *lines)  # every file is another one now
    assert affected(lake) is None

    facts = lake.open(FCT_ORDER_LINE)
    with connect() as connection:
        connection.execute("create schema gold")
        connection.execute("create table gold.dim_customer as select 'another' as customer_key")
        keys = rows(lake, FCT_ORDER_LINE, "product_key")[0]
        connection.execute(f"create table gold.dim_product as select '{keys[0]}' as product_key")
        assert STAR.by_month is not None
        assert lost_members(connection, STAR.by_month, facts, [month(JANUARY)]) == {"customer_key": 2}


def _replace_day(lake: Lakehouse, line: dict[str, object]) -> None:
    """Commit another line of January, and leave the files of other days alone."""
    snapshot = lake.open(ORDER_LINES)
    held = snapshot.partition_files([JANUARY.date()])["path"].to_list()
    rows_of_day = snapshot.scan(partitions=[JANUARY.date()]).with_columns(quantity=pl.lit(line["quantity"], pl.Int64))
    snapshot.commit([snapshot.folder.write(rows_of_day, partition=JANUARY.date())], remove=held)


def test_few_months_give_the_tables_that_all_of_them_give(tmp_path: Path) -> None:
    """Late customers, repriced days, moved and emptied orders, members that come and go."""
    lake = lakehouse_at(tmp_path)
    shop = RandomShop(Random(2)).fill(customers=40, orders=60)
    shop.plant(lake)
    refreshed(lake)
    built = []
    for number in range(4):
        if number % 2:
            shop.change_customer(_customer_of_one_month(shop))
        else:
            shop.change_order(f"o{number}")
        shop.plant_changes(lake)
        built.append(refreshed(lake).months)
        expect_star(lake, shop.star())
    assert all(months is not None and len(months) in {1, 2} for months in built), built


def _customer_of_one_month(shop: RandomShop) -> str:
    """A customer whose facts are all of one month."""
    months: dict[str, set[date]] = {}
    for fact in shop.star().fct_order_line:
        months.setdefault(str(fact["customer_id"]), set()).add(fact["order_month"])
    return min(key for key, found in months.items() if key in shop.customers and len(found) == 1)

"""Rules D1 to D7: whatever Silver holds, and whatever was built before, a build makes the star of the oracle."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.star_schema.dimensions import DIM_CUSTOMER, DIM_DATE, DIM_PRODUCT
from medallion_assets.pipelines.star_schema.facts import FCT_ORDER_LINE, MART_REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets_tests.deriving.dbt.planting import lakehouse_at, plant, refreshed
from medallion_assets_tests.oracle.decode import Row
from medallion_assets_tests.oracle.file_strategies import arrivals
from medallion_assets_tests.oracle.files import FileInput
from medallion_assets_tests.oracle.shop_strategies import Silver, shops, side_by_side, silver
from medallion_assets_tests.oracle.star import dim_date, star
from medallion_assets_tests.properties.examples import examples

pytestmark = [pytest.mark.xdist_group("dbt"), pytest.mark.slow]

SHOPS = 6


@examples(8)
@given(data=st.data(), given=st.lists(shops(), min_size=SHOPS, max_size=SHOPS))
def test_a_build_after_any_other_makes_the_same_star(data: st.DataObject, given: list[tuple[FileInput, ...]]) -> None:
    """D1 to D7: members come late, orders move, rows are repriced, in all of the shops and then in one of them.

    So the second build is of all months, and the third one of few, where few follow from what changed.
    """
    early = [data.draw(arrivals(files))[0] for files in given]
    with TemporaryDirectory() as folder:
        lakehouse = lakehouse_at(Path(folder))
        for stage in (early, [early[0], *given[1:]], given):
            expected = side_by_side([silver(files) for files in stage])
            build(lakehouse, expected)
            check(lakehouse, expected)


def build(lakehouse: Lakehouse, rows: Silver) -> None:
    """Silver as the files say it, and a build of it. Days that are the same keep their files, as they do in a run."""
    for table in STAR.sources:
        snapshot, wanted = lakehouse.ready(table), rows[table.short_name]
        if table.partition_by is None:
            plant(lakehouse, table, *wanted)
            continue
        days = {row[table.partition_by] for row in wanted} | set(snapshot.partitions)
        written, removed = [], []
        for day in sorted(days, key=str):
            mine = [row for row in wanted if row[table.partition_by] == day]
            frame = pl.DataFrame(mine, schema=polars_schema(table), orient="row")
            if day in snapshot.partitions:
                if snapshot.scan(partitions=[day]).collect().sort(table.key).equals(frame.sort(table.key)):
                    continue
                removed += snapshot.partition_files([day])["path"].to_list()
            if mine:
                written.append(snapshot.folder.write(frame.lazy(), partition=day))
        snapshot.commit(written, remove=removed)
    refreshed(lakehouse)


def check(lakehouse: Lakehouse, rows: Silver) -> None:
    """Gold holds what the oracle says."""
    truth = star(
        customers=rows["crm_customers"], products=rows["products"], orders=rows["orders"], lines=rows["order_lines"]
    )
    assert read(lakehouse, DIM_CUSTOMER) == by_key(DIM_CUSTOMER, truth.dim_customer)
    assert read(lakehouse, DIM_PRODUCT) == by_key(DIM_PRODUCT, truth.dim_product)
    assert read(lakehouse, FCT_ORDER_LINE) == by_key(FCT_ORDER_LINE, truth.fct_order_line)
    assert read(lakehouse, MART_REVENUE) == by_key(MART_REVENUE, truth.mart_revenue)


def read(lakehouse: Lakehouse, table: Table) -> list[Row]:
    """Every row, by key."""
    return by_key(table, lakehouse.open(table).scan().collect().to_dicts())


def by_key(table: Table, rows: list[Row]) -> list[Row]:
    """Rows in the order of their key."""
    return sorted(rows, key=lambda row: [row[name] for name in table.key])


def test_the_calendar_is_that_of_the_rules(tmp_path: Path) -> None:
    """D5: every day of fifty years."""
    lakehouse = lakehouse_at(tmp_path)
    build(lakehouse, silver([]))
    assert read(lakehouse, DIM_DATE) == dim_date()

"""TPC-H through the star: revenue is that of the raw files, to the last decimal."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medallion_assets.pipelines.star_schema.dimensions import DIM_CUSTOMER
from medallion_assets.pipelines.star_schema.facts import FCT_ORDER_LINE
from medallion_assets_tests.deriving.dbt.planting import lakehouse_at, refreshed
from medallion_assets_tests.deriving.dbt.tpch import REVENUE, generate, plant_tpch, query

YEARS = {"since": "1994-07-01", "until": "1995-07-01"}


@pytest.mark.slow
@pytest.mark.xdist_group("dbt")
def test_revenue_by_nation_and_year_is_that_of_the_raw_files(tmp_path: Path) -> None:
    lake, raw = lakehouse_at(tmp_path), tmp_path / "tpch"
    generate(raw, 0.01)
    plant_tpch(lake, raw, **YEARS)
    refreshed(lake)
    facts, customers = (lake.open(table).scan() for table in (FCT_ORDER_LINE, DIM_CUSTOMER))
    found = (
        facts.join(customers.select("customer_key", "country"), on="customer_key")
        .group_by(nation="country", year=pl.col("order_date").dt.year().cast(pl.Int64))
        .agg(revenue=pl.col("net_amount").sum())
        .sort("nation", "year")
        .collect()
    )
    expected = query(raw, REVENUE, **YEARS)
    assert expected.height == 50
    assert found.rows() == expected.rows()

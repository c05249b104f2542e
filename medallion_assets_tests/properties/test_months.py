"""Rules E1 to E6: any order and batching of the versions of months gives the tables that the oracle computes."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.deriving.build import build
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import EVENTS, REVENUE
from medallion_assets_tests.engines.cutting import CuttingEngine, small_bounds
from medallion_assets_tests.oracle.file_strategies import arrivals
from medallion_assets_tests.oracle.month_strategies import HEADER, Version, versions
from medallion_assets_tests.oracle.months import MonthFile, brand_revenue, months
from medallion_assets_tests.pipeline import default_engine
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.months import WRITTEN, Shop


def check_months(data: st.DataObject, given: tuple[Version, ...], engine: Callable[[], Engine]) -> None:
    """Each batch is refined as it arrives, and only what it restated is built; each stage asks for its engine."""
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder), loaded=EVENTS)
        read: list[MonthFile] = []
        for batch in data.draw(arrivals(given)):
            read += {version.name: _land(shop, Path(folder), version) for version in batch}.values()
            shop.lakehouse = replace(shop.lakehouse, engine=engine())
            shop.ingest()
            shop.lakehouse = replace(shop.lakehouse, engine=engine())
            done = shop.refine()
            assert not done.held
            restated = sorted(day for day in done.restated if day)
            build(replace(shop.lakehouse, engine=engine()), REVENUE, restated)
        truth = months(read).values()
        assert _rows(shop) == sorted((tuple(sorted(row.items())) for month in truth for row in month.rows), key=repr)
        quarantined = {(batch_id, line, frozenset(reasons)) for batch_id, line, reasons in shop.quarantined()}
        assert quarantined == {(month.batch_id, *bad) for month in truth for bad in month.bad}
        assert shop.bronze() == sorted(month.batch_id for month in truth)
        revenue = shop.lakehouse.open(BRAND_REVENUE).scan().sort("event_month", "brand").collect().to_dicts()
        assert revenue == [row for month in truth for row in brand_revenue(month)]


@examples()
@given(data=st.data(), given=versions())
def test_any_order_of_versions_gives_the_same_tables(data: st.DataObject, given: tuple[Version, ...]) -> None:
    """E1 to E6."""
    check_months(data, given, default_engine)


@pytest.mark.slow
@examples(3)
@given(data=st.data(), given=versions(), seed=st.integers(0, 2**32))
def test_whatever_engine_each_stage_gets(
    data: st.DataObject, given: tuple[Version, ...], seed: int, spark: SparkEngine
) -> None:
    """The same rules, on Polars, one that cuts anywhere, Spark, and Spark a few rows at a time."""
    choice = random.Random(seed)
    engines = [PolarsEngine(), CuttingEngine(choice), spark, replace(spark, bounds=small_bounds(3))]
    check_months(data, given, lambda: choice.choice(engines))


def _land(shop: Shop, folder: Path, version: Version) -> MonthFile:
    """Write a file as it was last modified then; what lay there under its name is gone."""
    path = folder / "raw" / "ecommerce_events" / version.name
    path.write_bytes(gzip.compress(version.text.encode()) if path.suffix == ".gz" else version.text.encode())
    modified = WRITTEN + timedelta(minutes=version.number)
    os.utime(path, (modified.timestamp(),) * 2)
    (batch_id,) = (found.id for found in EVENTS.source.find(shop.place).batches if found.id.startswith(f"{path.name}@"))
    return MonthFile(version.name, batch_id, modified, version.text)


def _rows(shop: Shop) -> list[tuple[tuple[str, Any], ...]]:
    """Silver's rows as the file tells them, in any order: they have no key."""
    names = (*HEADER.split(","), "event_month")
    return sorted((tuple(sorted((name, row[name]) for name in names)) for row in shop.rows().to_dicts()), key=repr)

"""Rules E1 to E6: any order and batching of the versions of months gives the tables that the oracle computes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.months import Months
from medallion_assets.contracts.pipeline import Monthly
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE, revenue_by_brand
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS
from medallion_assets_tests.oracle.file_strategies import arrivals
from medallion_assets_tests.oracle.month_strategies import HEADER, Version, versions
from medallion_assets_tests.oracle.months import MonthFile, brand_revenue, months
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.months import OCTOBER, Shop
from medallion_assets_tests.sources.month_files import WRITTEN

BRANDS = Monthly(table=BRAND_REVENUE, source=ECOMMERCE_EVENTS, compute=revenue_by_brand, months=Months(first=OCTOBER))


@examples()
@given(data=st.data(), given=versions())
def test_any_order_of_versions_gives_the_same_tables(data: st.DataObject, given: tuple[Version, ...]) -> None:
    """E1 to E6: each batch is refined as it arrives, and only what it restated is built."""
    batches = data.draw(arrivals(given))
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        landed: list[MonthFile] = []
        for batch in batches:
            landed += [_land(shop, version) for version in batch]
            done = shop.run()
            assert not done.held
            build(shop.lakehouse, BRANDS, sorted(day for day in done.restated if day))
        truth = months(landed).values()
        assert _rows(shop) == sorted((tuple(sorted(row.items())) for month in truth for row in month.rows), key=repr)
        quarantined = {(batch_id, line, frozenset(reasons)) for batch_id, line, reasons in shop.quarantined()}
        assert quarantined == {(month.batch_id, *bad) for month in truth for bad in month.bad}
        assert shop.bronze() == sorted(month.batch_id for month in truth)
        revenue = shop.lakehouse.open(BRAND_REVENUE).scan().sort("event_month", "brand").collect().to_dicts()
        assert revenue == [row for month in truth for row in brand_revenue(month)]


def _land(shop: Shop, version: Version) -> MonthFile:
    name = f"{version.month}.csv"
    batch_id = shop.write(version.month, version.number, *version.lines)
    return MonthFile(name, batch_id, WRITTEN + timedelta(minutes=version.number), "\n".join([HEADER, *version.lines]))


def _rows(shop: Shop) -> list[tuple[tuple[str, Any], ...]]:
    """Silver's rows as the file tells them, in any order: they have no key."""
    names = (*HEADER.split(","), "event_month")
    return sorted((tuple(sorted((name, row[name]) for name in names)) for row in shop.rows().to_dicts()), key=repr)

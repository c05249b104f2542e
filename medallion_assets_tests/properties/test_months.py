"""Rules E1 to E6: any order and batching of the versions of months gives the tables that the oracle computes."""

from __future__ import annotations

import gzip
import os
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.deriving.build import build
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import EVENTS, REVENUE
from medallion_assets_tests.oracle.file_strategies import arrivals
from medallion_assets_tests.oracle.month_strategies import HEADER, Version, versions
from medallion_assets_tests.oracle.months import MonthFile, brand_revenue, months
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.months import WRITTEN, Shop


@examples()
@given(data=st.data(), given=versions())
def test_any_order_of_versions_gives_the_same_tables(data: st.DataObject, given: tuple[Version, ...]) -> None:
    """E1 to E6: each batch is refined as it arrives, and only what it restated is built."""
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder), loaded=EVENTS)
        read: list[MonthFile] = []
        for batch in data.draw(arrivals(given)):
            read += {version.name: _land(shop, Path(folder), version) for version in batch}.values()
            done = shop.run()
            assert not done.held
            build(shop.lakehouse, REVENUE, sorted(day for day in done.restated if day))
        truth = months(read).values()
        assert _rows(shop) == sorted((tuple(sorted(row.items())) for month in truth for row in month.rows), key=repr)
        quarantined = {(batch_id, line, frozenset(reasons)) for batch_id, line, reasons in shop.quarantined()}
        assert quarantined == {(month.batch_id, *bad) for month in truth for bad in month.bad}
        assert shop.bronze() == sorted(month.batch_id for month in truth)
        revenue = shop.lakehouse.open(BRAND_REVENUE).scan().sort("event_month", "brand").collect().to_dicts()
        assert revenue == [row for month in truth for row in brand_revenue(month)]


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

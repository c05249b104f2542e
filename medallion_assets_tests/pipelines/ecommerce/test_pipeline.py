"""The shop's months as its pipeline declares them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.operations.freshness.freshness import read_freshness
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets_tests.refining.months import Shop, event

END, LIMIT = datetime(2019, 11, 1, tzinfo=UTC), timedelta(days=35)


def test_months_that_stop_arriving_are_stale(tmp_path: Path) -> None:
    """V4: samples are measured against their own end."""
    shop = Shop(tmp_path)
    shop.lakehouse = replace(shop.lakehouse, catalog=Catalog((ECOMMERCE,)))
    shop.write("2019-Oct", 1, event("a"))
    shop.run()

    def states(after: timedelta) -> dict[str, str]:
        found: list[Freshness] = read_freshness(shop.lakehouse, END + after)
        return {row.table: row.state for row in found if row.sla_hours is not None}

    tables = ("bronze.ecommerce_events", "silver.ecommerce_events")
    assert states(LIMIT) == dict.fromkeys(tables, "fresh")
    assert states(LIMIT + timedelta(seconds=1)) == dict.fromkeys(tables, "stale")
    mark_as_sample(shop.lakehouse, now=END, note="a sample")
    assert states(999 * LIMIT) == dict.fromkeys(tables, "fresh")

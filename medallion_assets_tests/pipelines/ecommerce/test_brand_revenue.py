"""What brands sold, to the last decimal (E5)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from medallion_assets.deriving.build import build
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import REVENUE
from medallion_assets_tests.refining.months import OCTOBER, Shop, event


def test_many_of_the_largest_prices_are_added_exactly(tmp_path: Path) -> None:
    """Two are more than a price holds, and ten more than whole numbers of 64 bits."""
    shop = Shop(tmp_path)
    dear = [event(f"p{number}", price="99999999999999.9999", event_type="purchase") for number in range(11)]
    shop.write("2019-Oct", 1, *dear, event("view", price="1"), event("free", price="", brand="other"))
    shop.run()
    build(shop.lakehouse, REVENUE, [OCTOBER])
    rows = shop.lakehouse.open(BRAND_REVENUE).scan().sort("brand").drop("event_month", "brand").collect().rows()
    total = 11 * Decimal("99999999999999.9999")
    assert rows == [(12, 11, total, total + 1), (1, 0, Decimal(0), Decimal(0))]

"""Gold as the tests of the business page plant it: few columns matter, and the others hold something.

Belongs here: planting rows of a partition.
Does not: expectations of any kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS

EVERY_PIPELINE = Catalog((TRANSACTIONS, STAR_SCHEMA, ECOMMERCE))
FIRST, SECOND = date(2026, 2, 23), date(2026, 3, 1)


def empty_lakehouse(folder: Path) -> Lakehouse:
    """One in which nothing was made yet."""
    return Lakehouse(catalog=EVERY_PIPELINE, url=str(folder / "lakehouse"))


def plant(lakehouse: Lakehouse, table: Table, partition: date, rows: Iterable[dict[str, Any]]) -> None:
    """Commit the rows of a partition; a column that a row does not name is 1, or its name."""
    schema = polars_schema(table)
    usual = {name: name if kind == pl.String else partition if kind == pl.Date else 1 for name, kind in schema.items()}
    frame = pl.DataFrame([{**usual, **row} for row in rows]).cast(dict(schema))  # type: ignore[arg-type]
    snapshot = lakehouse.ready(table)
    snapshot.commit([snapshot.folder.stage(frame.lazy(), partition=partition)])


def plant_everything(lakehouse: Lakehouse, *, text: str = "") -> None:
    """Two days of sales, two as-of days of four customers, a month of brands; `text` is in every name."""
    for day, revenue in ((FIRST, 100), (SECOND, 300)):
        categories = ((f"toys{text}", revenue), ("home", revenue / 2))
        plant(
            lakehouse,
            DAILY_SALES_SUMMARY,
            day,
            [{"product_category": name, "net_revenue": amount} for name, amount in categories],
        )
    segments = {FIRST: ("new", "new", "loyal", None), SECOND: (f"loyal{text}", "new", None, "new")}
    for day, held in segments.items():
        plant(
            lakehouse,
            CUSTOMER_LTV,
            day,
            [
                {
                    "customer_id": f"c{number}{text}",
                    "rfm_segment": segment,
                    "lifetime_value": 10 * number,
                    "first_order_date": date(2026, number, 5),
                    "last_order_date": date(2026, number, 20),
                }
                for number, segment in enumerate(held, start=1)
                if segment
            ],
        )
    brands = ((f"acme{text}", 70), ("other", 20), (None, 90))
    plant(
        lakehouse,
        BRAND_REVENUE,
        date(2019, 10, 1),
        [{"brand": name, "total_revenue": amount} for name, amount in brands],
    )

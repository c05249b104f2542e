"""Gold as the tests of the business page plant it: few columns matter, and the others hold something.

Belongs here: planting rows of a partition.
Does not: expectations of any kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.coverage_notes import covered_note
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS

EVERY_PIPELINE = Catalog((TRANSACTIONS, STAR_SCHEMA, ECOMMERCE))
FIRST, SECOND = date(2026, 2, 23), date(2026, 3, 1)
MIDNIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)
"""Of SECOND, in Los Angeles: so far the planted sales reach."""
IN_FEBRUARY = datetime(2026, 2, 20, tzinfo=UTC)
"""So far the planted orders reach."""
FIRST_ORDERS = (date(2026, 1, 5), date(2025, 12, 5), date(2026, 1, 7), date(2026, 1, 9))
LAST_ORDERS = (date(2026, 2, 20), date(2026, 1, 30), date(2026, 2, 1), date(2026, 1, 31))


def empty_lakehouse(folder: Path) -> Lakehouse:
    """One in which nothing was made yet."""
    return Lakehouse(catalog=EVERY_PIPELINE, url=str(folder / "lakehouse"))


def plant(
    lakehouse: Lakehouse,
    table: Table,
    partition: date,
    rows: Iterable[dict[str, Any]],
    *,
    covered_until: datetime | None = None,
) -> None:
    """Commit the rows of a partition; a column that a row does not name is 1, or its name.

    The table then reaches to `covered_until`, or does not say how far.
    """
    schema = polars_schema(table)
    usual = {name: name if kind == pl.String else partition if kind == pl.Date else 1 for name, kind in schema.items()}
    frame = pl.DataFrame([{**usual, **row} for row in rows]).cast(dict(schema))  # type: ignore[arg-type]
    snapshot = lakehouse.ready(table)
    note = None if covered_until is None else covered_note(Coverage(covered_until))
    snapshot.commit([snapshot.folder.write(frame.lazy(), partition=partition)], metadata=note)


def plant_everything(lakehouse: Lakehouse, *, text: str = "") -> None:
    """Two days of sales, two as-of days of four customers, a month of brands, two of orders; `text` is in every name.

    The second day of sales is provisional.
    """
    plant_sales(lakehouse, text=text)
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
                    "first_order_date": FIRST_ORDERS[number - 1],
                    "last_order_date": LAST_ORDERS[number - 1],
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
    for month, amounts in ((date(2026, 1, 1), (60, 30)), (date(2026, 2, 1), (20, 100))):
        categories = zip((f"toys{text}", "home"), amounts, strict=True)
        revenue = [{"category": name, "net_revenue": amount} for name, amount in categories]
        plant(lakehouse, MART_REVENUE, month, revenue, covered_until=IN_FEBRUARY)


def plant_sales(lakehouse: Lakehouse, *, text: str = "") -> None:
    """Sales of the FIRST day, which are complete, and of the SECOND, which are provisional."""
    for day, revenue in ((FIRST, 100), (SECOND, 300)):
        categories = ((f"toys{text}", revenue), ("home", revenue / 2))
        plant(
            lakehouse,
            DAILY_SALES_SUMMARY,
            day,
            [{"product_category": name, "net_revenue": amount} for name, amount in categories],
            covered_until=MIDNIGHT,
        )

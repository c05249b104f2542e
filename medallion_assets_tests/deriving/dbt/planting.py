"""Silver of a small shop, planted as it would stand: few rows, with what they leave out filled in.

Belongs here: short ways to put rows into the tables that the star schema is built from, and to read what came out.
Does not: how Silver comes to hold them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.coverage_notes import covered_note
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.refresh import Refreshed, refresh
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.products import PRODUCTS

NOW = datetime(2025, 6, 1, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH = (datetime(2025, month, 15, 18, tzinfo=UTC) for month in (1, 2, 3))
STAGE = {"is_deleted": False, "_sequence_micros": 0, "_export_id": "planted"}
CUSTOMER = {
    "customer_id": "c1",
    "first_name": "Ada",
    "last_name": "Byron",
    "city": "Rome",
    "country": "Italy",
    "segment": "retail",
    "valid_from": datetime(2025, 1, 1, tzinfo=UTC),
    "is_current": True,
}
PRODUCT = {
    "product_id": "p1",
    "product_name": "Lamp",
    "category": "home",
    "list_price": Decimal(10),
    "valid_from": datetime(2025, 1, 1, tzinfo=UTC),
    "is_current": True,
}
ORDER = {"order_id": "o1", "customer_id": "c1", "status": "completed", "ordered_at": JANUARY}
LINE = {
    "order_id": "o1",
    "line_number": 1,
    "product_id": "p1",
    "quantity": 2,
    "unit_price": Decimal("9.99"),
    "discount": Decimal("0.1"),
    "ordered_at": JANUARY,
}
DEFAULTS = {CRM_CUSTOMERS: CUSTOMER, PRODUCTS: PRODUCT, ORDERS: ORDER, ORDER_LINES: LINE}


def plant(
    lakehouse: Lakehouse,
    table: Table,
    *rows: dict[str, Any],
    keeps_days: bool = False,
    covered: Coverage | None = None,
) -> int:
    """Make some rows all that a table of Silver holds, in one commit; give its version. It reaches to `covered`.

    A row of one order or line says its day by `ordered_at`. With `keeps_days` files of days that are the same stay.
    """
    filled = [row if _is_tombstone(table, row) else {**STAGE, **DEFAULTS[table], **row} for row in rows]
    if table.partition_by:
        days = [row["ordered_at"].date() if row.get("ordered_at") else None for row in filled]
        filled = [{"order_date": day, **row} for day, row in zip(days, filled, strict=True)]
    snapshot = lakehouse.ready(table)
    frame = pl.DataFrame(filled, schema=polars_schema(table), orient="row")
    parts = frame.partition_by(table.partition_by, as_dict=True) if table.partition_by else {(None,): frame}
    held = snapshot.files["path"].to_list() if snapshot.files.height else []
    if keeps_days:
        for day in snapshot.partitions:
            rows_of_day, before = parts.get((day,)), snapshot.scan(partitions=[day]).collect()
            if rows_of_day is not None and rows_of_day.sort(table.key).equals(before.sort(table.key)):
                held = [path for path in held if path not in set(snapshot.partition_files([day])["path"])]
                del parts[day,]
    written = [snapshot.folder.write(rows.lazy(), partition=day) for (day,), rows in parts.items() if rows.height]
    return snapshot.commit(written, remove=held, metadata=covered_note(covered) if covered else None)


def _is_tombstone(table: Table, row: dict[str, Any]) -> bool:
    return not table.history and bool(row.get("is_deleted"))


def plant_shop(lakehouse: Lakehouse, *, covered: Coverage | None = None) -> None:
    """One customer, one product, and an order of each with a line in January; all of it reaches to `covered`."""
    for table in DEFAULTS:
        plant(lakehouse, table, {}, covered=covered)


def lakehouse_at(folder: Path) -> Lakehouse:
    """A lakehouse in a folder."""
    return Lakehouse(url=str(folder / "lakehouse"))


def refreshed(lakehouse: Lakehouse, **options: Any) -> Refreshed:
    """A refresh that everything passed."""
    done = refresh(lakehouse, STAR, now=NOW, **options)
    done.build.expect_passed()
    return done


def rows(lakehouse: Lakehouse, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of what a table holds, in the order of its key; a month as (year, month)."""
    frame = lakehouse.open(table).scan().collect().sort(list(table.key))
    return frame.select(columns).rows()


def month(moment: datetime) -> date:
    """The partition that a moment of it lies in."""
    return moment.date().replace(day=1)

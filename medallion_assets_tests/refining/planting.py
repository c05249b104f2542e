"""A small table, and exports of transactions, as the tests of the lakehouse plant them.

Belongs here: short ways to make snapshots and to land exports.
Does not: expectations of any kind.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Bounds
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import full, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput, micros

DAY, NEXT_DAY = date(2025, 3, 8), date(2025, 3, 9)
AT = datetime(2025, 3, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AT_MICROS = micros(AT)

STOCK = Table(
    name="silver.stock",
    description="a table in partitions",
    key=("item_id",),
    partition_by="counted_date",
    columns=(
        Column("item_id", Text(trim=False), "key"),
        Column("counted_date", Date(), "the partition"),
        Column("pieces", Integer(), "how many", nullable=True),
    ),
)


def lake(folder: Path, bounds: Bounds | None = None) -> Lakehouse:
    """A lakehouse in a folder, of which only so much is in memory at a time."""
    return Lakehouse(url=str(folder), engine=pipeline.default_engine(bounds))


def stock(*rows: tuple[Any, ...]) -> pl.LazyFrame:
    """Rows of STOCK."""
    return pl.DataFrame(rows, schema=polars_schema(STOCK), orient="row").lazy()


def put(lakehouse: Lakehouse, *rows: tuple[Any, ...], table: Table = STOCK, **options: Any) -> int:
    """Commit rows, each in its own partition's file."""
    snapshot = lakehouse.ready(table)
    days = {row[1] for row in rows}
    written = [snapshot.folder.write(stock(*(row for row in rows if row[1] == day)), partition=day) for day in days]
    return snapshot.commit(written, **options)


def export_id(number: int) -> str:
    """Ids ascend with their numbers."""
    return f"0{micros(AT) // 1000 + number:013d}-{number:08x}"


def full_of(number: int, *lines: str, at: datetime = AT) -> ExportInput:
    """A full export of transactions."""
    return full(TRANSACTIONS, export_id(number), at, list(lines))


def window_of(number: int, *lines: str, begin: datetime = AT, length: timedelta = HOUR) -> ExportInput:
    """An incremental export of transactions."""
    return window(TRANSACTIONS, export_id(number), begin, begin + length, list(lines))


def refined(lakehouse: Lakehouse, *exports: ExportInput, **options: Any) -> Refined:
    """Land exports and refine transactions."""
    for export in exports:
        pipeline.land(lakehouse, export)
    return refine(lakehouse, pipeline.declared(pipeline.CUSTOMER_TRANSACTIONS), now=pipeline.NOW, **options)


def live(lakehouse: Lakehouse) -> dict[str, str]:
    """The live transactions: key and the export that decided the row."""
    rows = pipeline.rows(lakehouse, pipeline.CUSTOMER_TRANSACTIONS)
    return {row["transaction_id"]: row["_export_id"] for row in rows if not row["is_deleted"]}

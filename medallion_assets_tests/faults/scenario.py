"""A small history that touches every table and every path of a run, and what all tables hold after it.

Belongs here: the exports, the stages of a run, and the dump that runs are compared by.
Does not: the faults (injection.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from obstore.store import LocalStore

from medallion_assets.delta.notes.source_versions import taken_version
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.merging.history_table import events_table
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import (
    customer,
    delete_line,
    full,
    item_line,
    key_of,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import CUSTOMERS, TABLES, TRANSACTIONS, ExportInput, micros

AT = datetime(2025, 3, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AS_OF = datetime(2025, 3, 9, tzinfo=UTC).date()


def _export_id(number: int) -> str:
    return f"0174143520{number:04d}-0000000{number}"


def _sales(key: str, hour: int, **attributes: Any) -> dict[str, Any]:
    moment = (AT - timedelta(hours=24 * hour)).isoformat()
    return transaction(key, transaction_timestamp={"S": moment}, **attributes)


EXPORTS: tuple[ExportInput, ...] = (
    full(
        TRANSACTIONS,
        _export_id(1),
        AT,
        [item_line(_sales("t1", 0)), item_line(_sales("t2", 1)), "not json"],
        [item_line(_sales("t3", 0)), item_line(_sales("t1", 0))],
    ),
    window(
        TRANSACTIONS,
        _export_id(2),
        AT,
        AT + HOUR,
        [upsert_line(micros(AT) + 5, _sales("t1", 1)), delete_line(micros(AT) + 6, key_of(_sales("t2", 0)))],
        [upsert_line(micros(AT) + 7, _sales("t4", 0, amount={"N": "-1"}))],
    ),
    full(
        TRANSACTIONS,
        _export_id(3),
        AT + 2 * HOUR,
        [item_line(_sales("t1", 1)), item_line(_sales("t5", 0, amount={"N": "7"}))],
    ),
    full(CUSTOMERS, _export_id(4), AT, [item_line(customer()), item_line(customer("c2", region={"N": "1"}))]),
    window(
        CUSTOMERS,
        _export_id(5),
        AT,
        AT + HOUR,
        [upsert_line(micros(AT) - 90_000_000_000, customer(customer_segment={"S": "vip"}))],
    ),
)
"""Updates, a day move, deletes, a duplicate, an absence from a full export, bad rows, a segment that changes late."""


def write_exports(raw: Path) -> Path:
    """Write them all as files, and give their place."""
    for export in EXPORTS:
        write_export(
            LocalStore(raw / export.table, mkdir=True),
            table_name=export.table,
            export_type=ExportType(export.export_type),
            from_at=export.from_at,
            to_at=export.to_at,
            files=export.files,
        )
    return raw


def run(lakehouse: Lakehouse, exports: tuple[ExportInput, ...] = EXPORTS) -> None:
    """Everything that a run of the graph does with these tables."""
    for export in exports:
        pipeline.land(lakehouse, export)
    pipeline.run_silver(lakehouse)
    pipeline.run_gold(lakehouse, [AS_OF])


def everything(lakehouse: Lakehouse, raw: Path) -> None:
    """Ingest what lies in `raw`, refine, enrich, Gold."""
    for table in pipeline.SILVER:
        ingest(lakehouse, str(raw), pipeline.declared(table), now=pipeline.NOW)
    pipeline.run_silver(lakehouse)
    pipeline.run_gold(lakehouse, [AS_OF])


def every_table() -> list[Any]:
    """The contracts of all tables that a run writes."""
    silver = [pipeline.CUSTOMER_TRANSACTIONS, pipeline.CUSTOMERS]
    return [
        *map(bronze_table, TABLES),
        *silver,
        *map(quarantine_table, silver),
        events_table(pipeline.CUSTOMERS),
        pipeline.ENRICHED_TRANSACTIONS,
        pipeline.DAILY_SALES_SUMMARY,
        pipeline.CUSTOMER_LTV,
    ]


def dump(lakehouse: Lakehouse) -> dict[str, pl.DataFrame]:
    """Every row of every table, sorted: repeated rows show."""
    tables = {}
    for table in every_table():
        frame = lakehouse.source(table).scan().collect()
        tables[table.name] = frame.sort(frame.columns) if "reasons" not in frame.columns else frame.sort("raw")
    return tables


def check_ledger(lakehouse: Lakehouse) -> None:
    """Bronze and quarantine hold a line once, and Silver's checkpoint has settled what Bronze holds (B5, C5, C6)."""
    for table in pipeline.SILVER:
        bronze, silver = lakehouse.open(bronze_table(table.short_name)), lakehouse.open(table)
        for held in (bronze, lakehouse.open(quarantine_table(table))):
            lines = held.scan().select("_export_id", "_source_file", "_line_number").collect()
            assert lines.is_unique().all()
            assert held.row_count == lines.height
        ledger = Ledger.read(pipeline.declared(table), bronze, silver)
        assert (ledger.pending, ledger.gaps) == ([], [])
        assert taken_version(silver, bronze) == bronze.version
        for export in batches_in(bronze, pipeline.EXPORTS):
            assert bronze.transaction(export.id) == 1
            assert silver.transaction(export.id) == 1


def assert_same(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    """Two dumps hold the same rows and types."""
    assert found.keys() == expected.keys()
    for name, frame in expected.items():
        assert found[name].schema == frame.schema, name
        assert found[name].rows() == frame.rows(), name

"""Contracts before and after a change, exports that they judge differently, and what a rebuild leaves.

Belongs here: rebuilding, and reading the table, its events and its quarantine at once.
Does not: expectations of any kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.merging.history_table import events_table
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.refining import changed_contracts
from medallion_assets_tests.refining.changed_contracts import AT, DAY, EURO, FIRST, LATER, SECOND, never_fails

LOOSE = pipeline.WITH_EURO
STRICT = replace(LOOSE, expectations=(*LOOSE.expectations, expect_or_drop("no_euro", nw.col("currency") != "EUR")))
LOOSE_CUSTOMERS = pipeline.CUSTOMERS
STRICT_CUSTOMERS = replace(
    LOOSE_CUSTOMERS,
    expectations=(*LOOSE_CUSTOMERS.expectations, expect_or_drop("no_west", nw.col("region") != "west")),
)


def transactions() -> list[ExportInput]:
    """t1 in dollars, then in euros; t2 in euros of another day, t3 deleted."""
    items = [
        item_line(transaction("t1")),
        item_line(transaction("t2", currency=EURO, transaction_timestamp={"S": "2025-03-09T12:00:00Z"})),
        item_line(transaction("t3")),
    ]
    changes = [
        upsert_line(micros(AT) + 5, transaction("t1", currency=EURO)),
        delete_line(micros(AT) + 6, {"transaction_id": {"S": "t3"}}),
    ]
    return [full(TRANSACTIONS, FIRST, AT, items), window(TRANSACTIONS, SECOND, AT, AT + DAY, changes)]


def customers() -> list[ExportInput]:
    """c1 moves to the west, c2 lives there."""
    items = [item_line(customer("c1", region={"S": "east"})), item_line(customer("c2", region={"S": "west"}))]
    changes = [upsert_line(micros(AT) + 5, customer("c1", region={"S": "west"}))]
    return [full(CUSTOMERS, FIRST, AT, items), window(CUSTOMERS, SECOND, AT, AT + DAY, changes)]


def run(lakehouse: Lakehouse, table: Table, exports: Iterable[ExportInput], *, accepts: bool = False) -> None:
    """As for any change of a contract; Bronze is there even when nothing lands in it."""
    lakehouse.ready(bronze_table(table.short_name))
    changed_contracts.run(lakehouse, table, exports, accepts=accepts)


def state(lakehouse: Lakehouse, table: Table) -> dict[str, object]:
    """The table, its events and its quarantine, without the time at which a row failed."""
    order = [*table.key, "valid_from"] if table.history else list(table.key)
    found: dict[str, object] = {"rows": pipeline.rows(lakehouse, table, *order)}
    if table.history:
        found["events"] = pipeline.rows(lakehouse, events_table(table), *table.key, "_export_id")
    found["quarantine"] = pipeline.quarantined(lakehouse, table)
    return found


def from_the_start(folder: Path, table: Table, exports: Iterable[ExportInput]) -> dict[str, object]:
    """What a lakehouse holds that was made by this contract alone."""
    fresh = lakehouse_at(folder / "fresh")
    run(fresh, table, exports)
    return state(fresh, table)


def rebuilt(lakehouse: Lakehouse, table: Table | Loaded, **options: Any) -> Rebuilt:
    loaded = never_fails(table) if isinstance(table, Table) else table
    return rebuild_judged(lakehouse, loaded, why="a new contract", now=LATER, **options)

"""Contracts that learn the euro, short ways to write exports in it, and what Silver then holds.

Belongs here: what tests of redriving have in common.
Does not: expectations of any kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import full, transaction, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput
from medallion_assets_tests.pipeline import lakehouse_at, rows
from medallion_assets_tests.refining.changed_contracts import AT, DAY, EURO, run

PRESENT = pipeline.CUSTOMER_TRANSACTIONS
WITH_EURO = replace(
    PRESENT,
    expectations=tuple(
        expect_or_drop(expectation.name, nw.col("currency").is_in(["USD", "EUR"]), "currency")
        if expectation.name == "currency_unsupported"
        else expectation
        for expectation in PRESENT.expectations
    ),
)
PRESENT_CUSTOMERS = pipeline.CUSTOMERS
STRICT_CUSTOMERS = replace(PRESENT_CUSTOMERS, expectations=(expect_or_drop("no_west", nw.col("region") != "west"),))
STRICT = replace(PRESENT, expectations=(*PRESENT.expectations, expect_or_drop("no_books", nw.col("amount") != 10)))


def silver(lakehouse: Lakehouse, table: Table) -> list[dict[str, Any]]:
    return rows(lakehouse, table, *table.key, *(["valid_from"] if table.history else []))


def from_the_start(folder: Path, table: Table, exports: Iterable[ExportInput]) -> list[dict[str, Any]]:
    lakehouse = lakehouse_at(folder / "from-the-start")
    run(lakehouse, table, exports)
    return silver(lakehouse, table)


def in_euro(key: str, **attributes: Any) -> dict[str, Any]:
    return transaction(key, currency=EURO, **attributes)


def a_window(export_id: str, *lines: str, days: int = 0) -> ExportInput:
    return window(TRANSACTIONS, export_id, AT + days * DAY, AT + (days + 1) * DAY, lines)


def a_full(export_id: str, *lines: str, days: int = 0) -> ExportInput:
    return full(TRANSACTIONS, export_id, AT + days * DAY, lines)

"""A day of more rows than an engine holds at a time is derived in parts, and comes out as in one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from medallion_assets.contracts.pipeline import Derived
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.refining.refine import refine
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.operations.small_lakehouse import AT, BEGIN, FIRST, SECOND
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, micros
from medallion_assets_tests.pipeline import NOW, SILVER, declared, lakehouse_at, land, rows

DAY = date(2025, 3, 7)
SMALL = PolarsEngine(bounds=replace(small_bounds(3), block_rows=3, block_bytes=10_000))


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """Eight sales of one day."""
    lakehouse = lakehouse_at(tmp_path, SMALL)
    land(lakehouse, full(TRANSACTIONS, FIRST, AT, [item_line(transaction(f"t{number}")) for number in range(8)]))
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]))
    for table in SILVER:
        refine(lakehouse, declared(table), now=NOW)
    return lakehouse


@pytest.mark.parametrize(("derived", "files"), [(ENRICHMENT, 3), (replace(ENRICHMENT, row_by_row=False), 1)])
def test_a_long_day_is_made_in_parts_if_rows_do_not_need_each_other(
    lakehouse: Lakehouse, derived: Derived, files: int
) -> None:
    updated = update_derived(lakehouse, derived)
    assert (updated.rows_in, updated.rows_out, updated.restated) == (8, 8, {DAY})
    made = lakehouse.open(ENRICHED_TRANSACTIONS)
    assert made.files["num_records"].sum() == 8
    assert made.files.height == files
    assert {row["customer_segment"] for row in rows(lakehouse, ENRICHED_TRANSACTIONS)} == {"retail"}


def test_a_change_of_one_row_gives_all_parts_of_its_day_anew(lakehouse: Lakehouse) -> None:
    update_derived(lakehouse, ENRICHMENT)
    changed = transaction("t3", amount={"N": "77"})
    land(lakehouse, window(TRANSACTIONS, SECOND, BEGIN, AT + timedelta(days=1), [upsert_line(micros(AT) + 1, changed)]))
    refine(lakehouse, declared(SILVER[0]), now=NOW)
    assert update_derived(lakehouse, ENRICHMENT).restated == {DAY}
    amounts = {row["transaction_id"]: row["amount"] for row in rows(lakehouse, ENRICHED_TRANSACTIONS)}
    assert amounts == {**amounts, "t3": Decimal(77)}
    assert len(amounts) == lakehouse.open(ENRICHED_TRANSACTIONS).files["num_records"].sum() == 8

"""A day of more rows than an engine holds at a time is derived in parts, and comes out as in one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts.pipeline import Derived
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.changed_days import Sources, update_derived
from medallion_assets.deriving.making_days import make_days
from medallion_assets.engines.aside import Place
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS, enrich
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.refining.refine import refine
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.operations.small_lakehouse import AT, BEGIN, FIRST, SECOND
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, micros
from medallion_assets_tests.pipeline import NOW, SILVER, declared, default_engine, lakehouse_at, land, rows

DAY = date(2025, 3, 7)
NEIGHBOURS = {"before": "2025-03-06T20:00:00Z", "after": "2025-03-08T20:00:00Z"}
SMALL = replace(small_bounds(3), block_rows=3, block_bytes=10_000)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """Eight sales of one day, and one each of the days before and after."""
    lakehouse = lakehouse_at(tmp_path, default_engine(SMALL))
    sales = [transaction(f"t{number}") for number in range(8)]
    sales += [transaction(key, transaction_timestamp={"S": at}) for key, at in NEIGHBOURS.items()]
    land(lakehouse, full(TRANSACTIONS, FIRST, AT, [item_line(sale) for sale in sales]))
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]))
    for table in SILVER:
        refine(lakehouse, declared(table), now=NOW)
    return lakehouse


def files_in(lakehouse: Lakehouse) -> set[Path]:
    return set(Path(lakehouse.open(ENRICHED_TRANSACTIONS).folder.uri).rglob("*.parquet"))


def with_counts(transactions: Any, periods: Any) -> Any:
    """As enriched; each row says how many its day has, so that it needs the others."""
    return enrich(transactions, periods).with_columns(quantity=nw.col("amount").count().over("transaction_date"))


@pytest.mark.parametrize(
    ("derived", "quantity"),
    [(ENRICHMENT, 1), (replace(ENRICHMENT, compute=with_counts, row_by_row=False), 8)],
    ids=["row by row", "all rows of a day"],
)
def test_a_long_day_is_made_in_parts(lakehouse: Lakehouse, derived: Derived, quantity: int) -> None:
    """Whatever lies beside it: a short day before it is made by itself. Rows that need each other are made first."""
    updated = update_derived(lakehouse, derived)
    assert (updated.rows_in, updated.rows_out) == (10, 10)
    assert len(updated.restated) == 3
    made = lakehouse.open(ENRICHED_TRANSACTIONS)
    assert made.partition_files([DAY])["num_records"].sum() == 8
    assert made.partition_files([DAY]).height == 3
    found = rows(lakehouse, ENRICHED_TRANSACTIONS)
    assert {row["customer_segment"] for row in found} == {"retail"}
    assert {row["quantity"] for row in found if row["transaction_date"] == DAY} == {quantity}


@pytest.mark.parametrize("part", first_quick(1, 0, 2))
def test_a_change_of_one_row_gives_all_parts_of_its_day_anew(lakehouse: Lakehouse, part: int) -> None:
    """Those before the one that has it are written as the table has them, and those after it as they are made."""
    update_derived(lakehouse, ENRICHMENT)
    before = files_in(lakehouse)
    key = next(f"t{number}" for number in range(8) if part_of(f"t{number}") == part)
    changed = upsert_line(micros(AT) + 1, transaction(key, amount={"N": "77"}))
    land(lakehouse, window(TRANSACTIONS, SECOND, BEGIN, AT + timedelta(days=1), [changed]))
    refine(lakehouse, declared(SILVER[0]), now=NOW)
    assert update_derived(lakehouse, ENRICHMENT).restated == {DAY}
    amounts = {row["transaction_id"]: row["amount"] for row in rows(lakehouse, ENRICHED_TRANSACTIONS)}
    assert amounts == {**amounts, key: Decimal(77)}
    assert len(amounts) == lakehouse.open(ENRICHED_TRANSACTIONS).files["num_records"].sum() == 10
    assert len(files_in(lakehouse) - before) == 3


def part_of(key: str) -> int:
    return int(pl.select(pl.struct(transaction_id=pl.lit(key)).hash() % 3).item())


def test_of_a_long_day_that_does_not_differ_nothing_is_written(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """Nobody would remove it."""
    update_derived(lakehouse, ENRICHMENT)
    before = files_in(lakehouse)
    sources = Sources(derived=ENRICHMENT, snapshots=tuple(map(lakehouse.open, ENRICHMENT.sources)))
    (item,) = sources.items([DAY], lakehouse.open(ENRICHED_TRANSACTIONS), Place(str(tmp_path)))
    made = make_days(item)
    assert (item.parts, made.rows_out, made.differing, made.written, made.removed) == (3, 8, [], [], [])
    assert files_in(lakehouse) == before

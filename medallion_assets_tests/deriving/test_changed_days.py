"""A derived day is compared with what the table has of it, as far as the log does not tell that they differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.contracts.table import Integer
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.refining.refine import refine
from medallion_assets_tests.operations.small_lakehouse import AT, BEGIN, FIRST, SECOND
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, micros
from medallion_assets_tests.pipeline import NOW, SILVER, declared, lakehouse_at, land

SALE, DAY = transaction("t1"), "2025-03-07"


def changed(folder: Path, sale: dict[str, Any]) -> Lakehouse:
    """A lakehouse whose enriched rows were made before this sale came."""
    lakehouse = lakehouse_at(folder)
    land(lakehouse, full(TRANSACTIONS, FIRST, AT, [item_line(SALE)]))
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]))
    for table in SILVER:
        refine(lakehouse, declared(table), now=NOW)
    update_derived(lakehouse, ENRICHMENT)
    land(lakehouse, window(TRANSACTIONS, SECOND, BEGIN, AT + timedelta(days=1), [upsert_line(micros(AT) + 1, sale)]))
    refine(lakehouse, declared(SILVER[0]), now=NOW)
    return lakehouse


def test_a_day_that_has_another_number_of_rows_is_not_read(tmp_path: Path) -> None:
    lakehouse = changed(tmp_path, transaction("t2"))
    table = lakehouse.open(ENRICHED_TRANSACTIONS)
    (path,) = table.files["path"]
    (Path(table.uri) / path).unlink()
    assert {str(day) for day in update_derived(lakehouse, ENRICHMENT).restated} == {DAY}
    assert lakehouse.open(ENRICHED_TRANSACTIONS).row_count == 2


def test_a_day_of_as_many_rows_is_compared(tmp_path: Path) -> None:
    """With another amount it differs; as it was before, it does not."""
    lakehouse = changed(tmp_path, transaction("t1", amount={"N": "77"}))
    assert {str(day) for day in update_derived(lakehouse, ENRICHMENT).restated} == {DAY}
    amounts = lakehouse.open(ENRICHED_TRANSACTIONS).scan().select(pl.col("amount").cast(pl.Float64)).collect()
    assert amounts["amount"].to_list() == [77.0]
    assert update_derived(changed(tmp_path / "same", SALE), ENRICHMENT).restated == set()


def test_after_a_lookup_was_rebuilt_by_another_contract_every_day_is_compared(tmp_path: Path) -> None:
    """Its version from before has other types, and says nothing of days."""
    lakehouse = changed(tmp_path, transaction("t1", amount={"N": "77"}))
    (lookup,) = ENRICHMENT.lookups
    columns = (replace(column, type=Integer()) if column.name == "email" else column for column in lookup.table.columns)
    other = replace(lookup.table, columns=tuple(columns))
    rebuilt = lakehouse.open_any(other)
    rows = lakehouse.open(lookup.table).scan().with_columns(email=pl.lit(1, dtype=pl.Int64))
    rebuilt.commit([rebuilt.folder.write(rows)], new_schema=True)

    def days(sales: nw.LazyFrame[Any], before: nw.LazyFrame[Any], _after: object) -> nw.LazyFrame[Any]:
        known = before.filter(nw.col("email") > 0).select("customer_id")
        return sales.join(known, on="customer_id").select("transaction_date")

    derived = replace(ENRICHMENT, lookups=(replace(lookup, table=other, changed_days=days),))
    assert {str(day) for day in update_derived(lakehouse, derived).restated} == {DAY}

"""One row for each live row, as a derived table promises: another number of rows is refused before the commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from medallion_assets.contracts.pipeline import Derived
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.changed_days import rebuild_derived, update_derived
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS, enrich
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.refining.refine import refine
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.operations.small_lakehouse import AT, FIRST
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS
from medallion_assets_tests.pipeline import NOW, SILVER, declared, default_engine, lakehouse_at, land

OTHER_DAY = {"transaction_timestamp": {"S": "2025-03-09T20:00:00Z"}}
KEY = nw.col("transaction_id")


def lakehouse(folder: Path, *, is_long: bool) -> Lakehouse:
    """Eight sales of one day, made in parts if it `is_long`, and one of another."""
    engine = default_engine(replace(small_bounds(3), block_rows=3, block_bytes=10_000) if is_long else None)
    lakehouse = lakehouse_at(folder, engine)
    sales = [*(transaction(f"t{number}") for number in range(8)), transaction("later", **OTHER_DAY)]
    land(lakehouse, full(TRANSACTIONS, FIRST, AT, [item_line(sale) for sale in sales]))
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]))
    for table in SILVER:
        refine(lakehouse, declared(table), now=NOW)
    return lakehouse


def lost(rows: Any) -> Any:
    return rows.filter(KEY != "t3")


def doubled(rows: Any) -> Any:
    return nw.concat([rows, rows.filter(KEY == "t3")])


def exchanged(rows: Any) -> Any:
    return rows.with_columns(nw.when(KEY == "t3").then(nw.lit("t4")).otherwise(KEY).alias("transaction_id"))


def changed(change: Callable[[Any], Any], *, row_by_row: bool) -> Derived:
    """As declared, with other rows."""
    return replace(ENRICHMENT, compute=lambda sales, periods: change(enrich(sales, periods)), row_by_row=row_by_row)


@pytest.mark.parametrize(
    ("is_long", "row_by_row"), [(False, True), (True, True), (True, False)], ids=["short", "long", "long, as a whole"]
)
@pytest.mark.parametrize(
    ("change", "rows"),
    [(lost, "7 rows"), (doubled, "9 rows"), (exchanged, "as many rows, with other keys or with one twice")],
    ids=["lost", "doubled", "exchanged"],
)
def test_a_run_that_would_not_give_each_live_row_one_is_refused(
    tmp_path: Path, change: Callable[[Any], Any], rows: str, *, is_long: bool, row_by_row: bool
) -> None:
    lake = lakehouse(tmp_path, is_long=is_long)
    with pytest.raises(PermanentError, match="does not give each live row one row") as refused:
        update_derived(lake, changed(change, row_by_row=row_by_row))
    assert refused.value.where == "silver.enriched_transactions"
    assert str(refused.value.expected).startswith("8 rows on 2025-03-07, one for each live row of silver.customer_tran")
    assert refused.value.found == f"{rows}; 1 days differ"
    assert lake.open(ENRICHED_TRANSACTIONS).row_count == 0


def test_so_is_a_rebuild(tmp_path: Path) -> None:
    lake = lakehouse(tmp_path, is_long=False)
    version = update_derived(lake, ENRICHMENT).version
    for dry_run in (True, False):
        with pytest.raises(PermanentError, match="does not give each live row one row"):
            rebuild_derived(lake, changed(lost, row_by_row=True), why="for a test", dry_run=dry_run)
    assert lake.open(ENRICHED_TRANSACTIONS).version == version


def test_a_table_that_does_not_promise_it_may_leave_rows_out(tmp_path: Path) -> None:
    lake = lakehouse(tmp_path, is_long=False)
    update_derived(lake, replace(changed(lost, row_by_row=True), one_to_one=False))
    assert lake.open(ENRICHED_TRANSACTIONS).row_count == 8


@pytest.mark.parametrize("row_by_row", [True, False])
@pytest.mark.parametrize("is_long", [False, True], ids=["short", "long"])
def test_a_value_that_its_type_would_change_is_refused(tmp_path: Path, *, is_long: bool, row_by_row: bool) -> None:
    """As in Gold; a long day that is made as a whole is asked in the file where it lies."""
    lake = lakehouse(tmp_path, is_long=is_long)
    half = changed(lambda rows: rows.with_columns(quantity=nw.col("quantity") / 2), row_by_row=row_by_row)
    with pytest.raises(PermanentError, match=r"the type of quantity would change values.* such as 0\.5"):
        update_derived(lake, half)
    assert lake.open(ENRICHED_TRANSACTIONS).row_count == 0


def test_a_transform_that_fails_is_an_error_of_ours(tmp_path: Path) -> None:
    wrong = changed(lambda rows: rows.with_columns(nw.col("nothing") + 1), row_by_row=True)
    with pytest.raises(PermanentError, match=r'silver\.enriched_transactions: its compute failed; found: .*"nothing"'):
        update_derived(lakehouse(tmp_path, is_long=False), wrong)

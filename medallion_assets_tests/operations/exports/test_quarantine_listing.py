"""What lies in quarantine: figures, order, and what the figures leave out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import narwhals as nw
import pytest

from medallion_assets.contracts.expectations import expect_or_fail
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.exports.quarantine_listing import list_held, list_quarantine
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.refine import refine
from medallion_assets_tests.oracle.lines import full, item_line, transaction
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, NOW, declared, lakehouse_at, land, run_silver

AT = datetime(2025, 5, 1, tzinfo=UTC)
FIRST = "01746057600000-0000000a"


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """Three rows in quarantine: one for its amount, one for amount and currency, one that was driven again."""
    lakehouse = lakehouse_at(tmp_path)
    zero = {"amount": {"N": "0"}}
    items = [transaction("t1", **zero), transaction("t2", **zero, currency={"S": "EUR"}), transaction("t3", **zero)]
    land(lakehouse, full("customer_transactions", FIRST, AT, [item_line(item) for item in items]))
    run_silver(lakehouse)
    quarantine = lakehouse.open(quarantine_table(CUSTOMER_TRANSACTIONS))
    rows = quarantine.scan().collect()
    marked = rows.with_columns(redriven_at=rows["redriven_at"].set(rows["_line_number"] == 1, NOW))
    quarantine.commit([quarantine.folder.write(marked.lazy())], remove=quarantine.files["path"])
    return lakehouse


def test_figures_count_what_waits_and_rows_that_wait_come_first(lakehouse: Lakehouse) -> None:
    """A row with two reasons counts for both; one that was driven again for none."""
    listing = list_quarantine(lakehouse, CUSTOMER_TRANSACTIONS)
    assert (listing.total, listing.redriven) == (3, 1)
    assert listing.waiting_by_reason == {"amount_out_of_range": 2, "currency_unsupported": 1}
    assert [row["_line_number"] for row in listing.rows] == [2, 3, 1]


def test_the_limit_bounds_rows_not_figures(lakehouse: Lakehouse) -> None:
    listing = list_quarantine(lakehouse, CUSTOMER_TRANSACTIONS, limit=1)
    assert (listing.total, len(listing.rows)) == (3, 1)


def test_exports_and_reasons_choose(lakehouse: Lakehouse) -> None:
    """Any of the reasons named is enough."""
    chosen = list_quarantine(lakehouse, CUSTOMER_TRANSACTIONS, reasons=["currency_unsupported", "missing"])
    assert [row["_line_number"] for row in chosen.rows] == [2]


@pytest.mark.parametrize("names", [{"reasons": ["curency_unsupported"]}, {"batches": ["another"]}])
def test_names_that_there_are_not_are_refused_before_anything_lies_in_quarantine(
    tmp_path: Path, names: dict[str, list[str]]
) -> None:
    lakehouse = lakehouse_at(tmp_path)
    for ask in (
        lambda: list_quarantine(lakehouse, CUSTOMER_TRANSACTIONS, **names),
        lambda: redrive(lakehouse, declared(CUSTOMER_TRANSACTIONS), now=NOW, **names),
    ):
        with pytest.raises(PermanentError, match=r"there is no \w+ of that name; expected: an? \w+ of this table"):
            ask()
    assert list_quarantine(lakehouse, CUSTOMER_TRANSACTIONS, reasons=["currency_unsupported"]).total == 0


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"reasons": ["curency_unsupported"]}, ["no reason of that name", "amount_out_of_range (3 rows)", "--reason"]),
        ({"batches": ["another"]}, ["no export of that name", f"{FIRST} (3 rows)", "--export"]),
    ],
)
def test_names_that_there_are_not_are_refused_with_those_that_there_are(
    lakehouse: Lakehouse, names: dict[str, list[str]], words: list[str]
) -> None:
    """By whoever lists rows, and by whoever drives them again."""
    for ask in (
        lambda: list_quarantine(lakehouse, CUSTOMER_TRANSACTIONS, **names),
        lambda: redrive(lakehouse, declared(CUSTOMER_TRANSACTIONS), now=NOW, **names),
    ):
        with pytest.raises(PermanentError) as refused:
            ask()
        assert [word for word in words if word not in str(refused.value)] == []


def test_no_quarantine_table_holds_nothing_and_is_not_made(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    assert list_quarantine(lakehouse, CUSTOMER_TRANSACTIONS).rows == []
    assert list(tmp_path.iterdir()) == []


def test_rows_of_an_export_that_is_held_are_listed_before_they_are_in_quarantine(tmp_path: Path) -> None:
    """C4: with every reason and its column; no table changes, and an accepted export is listed no more."""
    lakehouse, loaded = lakehouse_at(tmp_path), declared(CUSTOMER_TRANSACTIONS)
    items = [transaction(f"t{number:02}", amount={"N": "0"}, currency={"S": "EUR"}) for number in range(10)]
    land(lakehouse, full("customer_transactions", FIRST, AT, [item_line(item) for item in items]))
    assert [failing.batch.id for failing in refine(lakehouse, loaded, now=NOW).held] == [FIRST]
    listing = list_held(lakehouse, loaded, FIRST, now=NOW, limit=3)
    assert (listing.held, listing.total, len(listing.rows)) == (FIRST, 10, 3)
    assert listing.waiting_by_reason == {"amount_out_of_range": 10, "currency_unsupported": 10}
    row = listing.rows[0]
    assert list(zip(row["reason_columns"], row["reasons"], strict=True)) == [
        ("amount", "amount_out_of_range"),
        ("currency", "currency_unsupported"),
    ]
    assert not lakehouse.exists(quarantine_table(CUSTOMER_TRANSACTIONS))
    with pytest.raises(PermanentError, match=f"one of those that wait: {FIRST}"):
        list_held(lakehouse, loaded, "another", now=NOW)


def test_rows_that_break_an_expect_or_fail_are_listed_with_its_name(tmp_path: Path) -> None:
    """C3: they are not bad, and yet they are what the export waits for; bad rows stand beside them."""
    insane = expect_or_fail("quantity_insane", nw.col("quantity") < 1_000, "quantity")
    unused = expect_or_fail("quantity_negative", nw.col("quantity") > -1)
    table = replace(CUSTOMER_TRANSACTIONS, expectations=(*CUSTOMER_TRANSACTIONS.expectations, insane, unused))
    lakehouse, loaded = lakehouse_at(tmp_path), declared(table)
    items = [
        transaction("t1"),
        transaction("t2", quantity={"N": "5000"}),
        transaction("t3", quantity={"N": "5000"}, amount={"N": "0"}),
        transaction("t4", amount={"N": "0"}),
    ]
    land(lakehouse, full("customer_transactions", FIRST, AT, [item_line(item) for item in items]))
    (failing,) = refine(lakehouse, loaded, now=NOW).held
    assert (failing.counted.bad, dict(failing.counted.failures)) == (2, {"quantity_insane": 2})
    listing = list_held(lakehouse, loaded, FIRST, now=NOW)
    assert (listing.total, listing.stops) == (3, ["quantity_insane"])
    assert listing.waiting_by_reason == {"amount_out_of_range": 2, "quantity_insane": 2}
    assert [(row["_line_number"], row["reasons"], row["reason_columns"]) for row in listing.rows] == [
        (2, ["quantity_insane"], ["quantity"]),
        (3, ["amount_out_of_range", "quantity_insane"], ["amount", "quantity"]),
        (4, ["amount_out_of_range"], ["amount"]),
    ]

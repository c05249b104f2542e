"""Rule C8: an export of which no record fills a column that the contract counts on is held, by the column's name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from medallion_assets.contracts.expectations import Expectation, expect, expect_or_drop
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.judging.gate import Counts, Gate
from medallion_assets.refining.judging.null_columns import wanted_columns
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.stages.gate_report import gate_error, quality_threshold
from medallion_assets_tests.oracle.lines import delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, NOW, declared, lakehouse_at, land

AT, END = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 5, 1, 1, tzinfo=UTC)
BASE, EXPORT = "01746057600000-0000000a", "01746061200000-0000000b"
EXPECTED = expect("payment_method_there", ~nw.col("payment_method").is_null(), "payment_method")
"""The one column of the table that may be null."""
MAP = {"M": {"by": {"S": "Ada"}}}


def refined(folder: Path, *lines: str, table: Table = CUSTOMER_TRANSACTIONS) -> tuple[Lakehouse, Refined]:
    """A full export of one good row, then a window of these lines."""
    lakehouse = lakehouse_at(folder)
    land(lakehouse, full("customer_transactions", BASE, AT, [item_line(transaction("t0"))]))
    land(lakehouse, window("customer_transactions", EXPORT, AT, END, lines))
    return lakehouse, refine(lakehouse, declared(table), now=NOW)


def upserts(count: int, **attributes: Any) -> list[str]:
    """Records of a window without problems, but for some attributes; null leaves one out."""
    return [upsert_line(micros(AT) + number, transaction(f"t{number}", **attributes)) for number in range(1, count + 1)]


def test_a_required_column_without_a_value_holds_the_export_back(tmp_path: Path) -> None:
    """C8: three records are far under the floor of C3; the error names table, export, column, and what to do."""
    _, done = refined(tmp_path, *upserts(3, amount=None), delete_line(micros(AT) + 9, {"transaction_id": {"S": "t0"}}))
    assert [failing.batch.id for failing in done.held] == [EXPORT]
    said = str(gate_error(declared(CUSTOMER_TRANSACTIONS), done.held, Gate.of(declared(CUSTOMER_TRANSACTIONS).gate)))
    assert f"silver.customer_transactions: export {EXPORT} failed the quality gate" in said
    assert "expected: a value of amount in at least one record" in said
    assert "found: null_columns: amount, null in all of 3 records" in said
    assert "whether the source still writes these attributes" in said
    assert quality_threshold(CUSTOMER_TRANSACTIONS, done).figures["null_columns"] == "amount"


def test_an_expected_column_without_a_value_holds_the_export_back(tmp_path: Path) -> None:
    """C8: a warning of each record alone."""
    table = replace(CUSTOMER_TRANSACTIONS, expectations=(EXPECTED,))
    _, done = refined(tmp_path, *upserts(3, payment_method=None), table=table)
    assert [failing.counted.null_columns for failing in done.held] == [["payment_method"]]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([], id="nothing"),
        pytest.param(upserts(3, payment_method=None), id="a column that may be null"),
        pytest.param([*upserts(3, amount=None), *upserts(4)[3:]], id="one record has it"),
        pytest.param(upserts(2, amount=None), id="two records say nothing"),
        pytest.param(
            [delete_line(micros(AT) + n, {"transaction_id": {"S": f"t{n}"}}) for n in range(1, 5)], id="deletes"
        ),
        pytest.param(["not json"] * 5, id="nothing that could be read"),
    ],
)
def test_what_is_no_fault_of_a_column(tmp_path: Path, lines: list[str]) -> None:
    lakehouse, done = refined(tmp_path, *lines)
    assert done.held == []
    assert lakehouse.open(CUSTOMER_TRANSACTIONS).transaction(EXPORT) is not None


@pytest.mark.parametrize(
    ("expectation", "is_wanted"),
    [
        (EXPECTED, True),
        (expect_or_drop("there", nw.col("payment_method").is_null() == nw.lit(value=False)), True),
        (expect("known", nw.col("payment_method").is_in(["card"]), "payment_method"), False),
        (expect("short", nw.col("payment_method").str.len_chars() < 9, "payment_method"), False),
        (expect("paid", (nw.col("status") != "completed") | ~nw.col("payment_method").is_null()), False),
    ],
)
def test_a_condition_that_null_does_not_meet_expects_a_value(expectation: Expectation, is_wanted: bool) -> None:
    """Without a column of its own it is of the one column that it reads."""
    table = replace(CUSTOMER_TRANSACTIONS, expectations=(expectation,))
    assert ("payment_method" in wanted_columns(table)) is is_wanted
    assert "amount" in wanted_columns(table)


@pytest.mark.parametrize(
    ("attributes", "is_held"),
    [
        pytest.param([{"paid": MAP}] * 3, True, id="nobody can"),
        pytest.param([{"paid": MAP}] * 3 + [{}] * 3, True, id="not all have the attribute"),
        pytest.param([{"paid": MAP}] * 2 + [{}] * 3, False, id="two say nothing"),
        pytest.param([{}] * 5, False, id="nobody has the attribute"),
        pytest.param([{"paid": MAP}] * 3 + [{"paid.by": {"S": "Ada"}}], False, id="it is an attribute with a point"),
    ],
)
def test_an_optional_column_that_is_a_path_holds_the_export_back(
    tmp_path: Path, attributes: list[dict[str, Any]], is_held: bool
) -> None:
    """C8: of an attribute that records have and no column reads; other optional columns may be null for ever."""
    columns = [
        replace(each, source="paid.by", missing=None) if each.name == "payment_method" else each
        for each in CUSTOMER_TRANSACTIONS.columns
    ]
    table = replace(CUSTOMER_TRANSACTIONS, columns=tuple(columns))
    lines = [upserts(number, **each)[-1] for number, each in enumerate(attributes, start=1)]
    _, done = refined(tmp_path, *lines, table=table)
    assert [failing.counted.null_columns for failing in done.held] == [["payment_method"]] * is_held


def test_counts_of_parts_add_up_and_can_be_taken_back() -> None:
    """A column is without a value in the export, not in a part of it."""
    first = Counts(export_id="e", upserts=3, nulls={"amount": 3, "status": 3}, unreachable={"who": 2})
    second = Counts(export_id="e", upserts=2, nulls={"status": 2}, unreachable={"who": 1})
    both = first.plus(second)
    assert (first.null_columns, both.null_columns) == (["amount", "status"], ["status", "who"])
    assert both.plus(second, sign=-1) == first

"""Contracts by which no export could be judged are refused where they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import pytest

from medallion_assets.contracts.expectations import expect
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS as TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.refining.judging.checked_contracts import checked

ANY = nw.col("amount") > 0


def with_column(table: Table, changed: Column) -> dict[str, Any]:
    """The columns of a contract, with another one in the place of that name, or one more."""
    columns = {column.name: column for column in table.columns} | {changed.name: changed}
    return {"columns": tuple(columns.values())}


DAY = with_column(TRANSACTIONS, Column("day", Date(), "", "day"))


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        (TRANSACTIONS, {"key": ()}, "a key"),
        (TRANSACTIONS, {"partition_by": None}, "partition_by or history"),
        (CUSTOMERS, {"partition_by": "signup_date"}, "not both"),
        (TRANSACTIONS, {"key": ("transaction_date",)}, "a key of columns that have a source"),
        (TRANSACTIONS, with_column(TRANSACTIONS, Column("customer_id", Text(), "", "c", nullable=True)), None),
        (CUSTOMERS, with_column(CUSTOMERS, Column("customer_id", Text(), "", "c", nullable=True)), "not nullable"),
        (TRANSACTIONS, with_column(TRANSACTIONS, Column("note", Text(), "")), "none for note"),
        (TRANSACTIONS, {"partition_by": "quantity"}, "needs history=True"),
        (TRANSACTIONS, {"partition_by": "transaction_at"}, "partition by transaction_date, the business day"),
        (
            TRANSACTIONS,
            {"partition_by": "a day", **with_column(TRANSACTIONS, Column("a day", Date(), "", "day"))},
            "letters, digits",
        ),
        (
            TRANSACTIONS,
            {"key": ("transaction_id", "day"), "partition_by": "day", **DAY},
            "Text column of the same source",
        ),
        (TRANSACTIONS, {"expectations": (expect("one", ANY), expect("one", ANY))}, "different names.*'one'"),
        (TRANSACTIONS, {"expectations": (expect("*", ANY),)}, "letters, digits and _"),
    ],
)
def test_what_cannot_be_judged_is_named(table: Table, change: dict[str, Any], says: str | None) -> None:
    changed = replace(table, **change)
    if says is None:
        assert checked(changed) is changed
        return
    with pytest.raises(PermanentError, match=says):
        checked(changed)


def test_the_error_names_the_table_and_what_to_do_without_an_iso_day() -> None:
    with pytest.raises(PermanentError, match=r"silver\.x .*no day in ISO 8601.*history=True"):
        checked(Table(name="silver.x", description="", key=("id",), columns=(Column("id", Integer(), "", "id"),)))


def test_a_partition_that_may_be_missing_is_refused() -> None:
    """K3: the null partition is where tombstones are."""
    columns = tuple(replace(column, nullable=column.name == "transaction_date") for column in TRANSACTIONS.columns)
    with pytest.raises(PermanentError, match="rows without it are tombstones"):
        checked(replace(TRANSACTIONS, columns=columns))


def test_a_table_that_is_not_judged_needs_no_key() -> None:
    table = Table(name="operations.notes", description="", columns=(Column("note", Text(), ""),))
    with pytest.raises(PermanentError, match="a key, and partition_by or history"):
        checked(table)

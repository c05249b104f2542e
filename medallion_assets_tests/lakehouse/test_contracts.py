"""Contracts that contradict themselves are refused where they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.lakehouse.contracts import Column, Date, Table, Text, judged
from medallion_assets.silver.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.silver.customers import CUSTOMERS

DAY = Column("day", Date(), "the day")


def without(table: Table, *names: str) -> dict[str, Any]:
    """The columns of a contract less some."""
    return {"columns": tuple(column for column in table.columns if column.name not in names)}


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        (CUSTOMER_TRANSACTIONS, {"name": "customer_transactions"}, "layer.table"),
        (CUSTOMER_TRANSACTIONS, {"key": ("order_id",)}, "columns order_id"),
        (CUSTOMER_TRANSACTIONS, {"key": ()}, "a key"),
        (CUSTOMER_TRANSACTIONS, {"partition_by": None}, "partition_by or history"),
        (CUSTOMER_TRANSACTIONS, {"partition_by": "order_date"}, "columns order_date"),
        (CUSTOMER_TRANSACTIONS, without(CUSTOMER_TRANSACTIONS, "is_deleted"), "columns is_deleted"),
        (CUSTOMER_TRANSACTIONS, without(CUSTOMER_TRANSACTIONS, "transaction_at"), "columns transaction_at"),
        (CUSTOMER_TRANSACTIONS, {"columns": (*CUSTOMER_TRANSACTIONS.columns, DAY, DAY)}, "several of day"),
        (CUSTOMERS, without(CUSTOMERS, "valid_to"), "columns valid_to"),
    ],
)
def test_a_contradiction_is_named(table: Table, change: dict[str, Any], says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        judged(replace(table, **change))


def test_a_partition_that_may_be_missing_is_refused() -> None:
    """K3: the null partition is where tombstones are."""
    columns = tuple(
        replace(column, nullable=column.name == "transaction_date") for column in CUSTOMER_TRANSACTIONS.columns
    )
    with pytest.raises(PermanentError, match="rows without it are tombstones"):
        judged(replace(CUSTOMER_TRANSACTIONS, columns=columns))


def test_a_table_that_is_not_judged_needs_no_key() -> None:
    table = Table(name="operations.notes", description="", columns=(Column("note", Text(), ""),))
    with pytest.raises(PermanentError, match="a key, and partition_by or history"):
        judged(table)

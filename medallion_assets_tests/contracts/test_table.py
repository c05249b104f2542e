"""Contracts that contradict themselves are refused where they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medallion_assets.contracts.table import (
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    Table,
    Text,
    TextList,
    TimestampUtc,
)
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS

DAY = Column("day", Date(), "the day")


def without(table: Table, *names: str) -> dict[str, Any]:
    """The columns of a contract less some."""
    return {"columns": tuple(column for column in table.columns if column.name not in names)}


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        (CUSTOMER_TRANSACTIONS, {"name": "customer_transactions"}, "layer.table"),
        (CUSTOMER_TRANSACTIONS, {"key": ("order_id",)}, "columns order_id"),
        (CUSTOMER_TRANSACTIONS, {"partition_by": "order_date"}, "columns order_date"),
        (CUSTOMER_TRANSACTIONS, without(CUSTOMER_TRANSACTIONS, "transaction_at"), "columns transaction_at"),
        (CUSTOMER_TRANSACTIONS, {"columns": (*CUSTOMER_TRANSACTIONS.columns, DAY, DAY)}, "several of day"),
        (
            CUSTOMER_TRANSACTIONS,
            {"columns": (*CUSTOMER_TRANSACTIONS.columns, DAY, replace(DAY, name="Day"))},
            "not by case alone; found: several of Day, day",
        ),
    ],
)
def test_a_contradiction_is_named(table: Table, change: dict[str, Any], says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        replace(table, **change)


NAMES = [
    "is_deleted",
    "raw",
    "_row",
    "_verdict",
    "_reasons",
    "_export_type",
    "_key_hash",
    "_warnings",
    "_is_incremental",
]


@pytest.mark.parametrize("name", [*NAMES, "_", "_anything", "*", "^x$", "^$", "", "a\x00", "a\nb"])
def test_no_item_fills_a_column_with_a_name_of_our_own(name: str) -> None:
    """The error names the table, the column, the attribute, and that the attribute is not the problem."""
    with pytest.raises(PermanentError) as refused:
        Table(name="silver.x", description="", columns=(Column(name, Text(), "", source="is_deleted"),))
    assert "silver.x" in str(refused.value)
    assert repr(name) in str(refused.value)
    assert "its source, the name of the attribute, may be any" in str(refused.value)


@pytest.mark.parametrize("name", ["valid_from", "valid_to", "is_current"])
def test_the_columns_of_versions_are_reserved_in_a_history_alone(name: str) -> None:
    columns = (Column(name, Text(), "a coupon's own", source=name),)
    assert Table(name="silver.coupons", description="", columns=columns).column(name).source == name
    with pytest.raises(PermanentError, match=name):
        Table(name="silver.coupons", description="", columns=columns, history=True)


@pytest.mark.parametrize("name", ["_sequence_micros", "is_deleted", "raw"])
def test_what_a_stage_fills_may_have_such_a_name(name: str) -> None:
    assert Table(name="silver.x", description="", columns=(Column(name, Text(), ""),)).column_names == (name,)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ((Column("tags", TextList(), "", source="tags"),), "types that an item can hold.*TextList for tags"),
        ((Column("ratio", Float(), "", source="ratio"),), "Float for ratio"),
        ((Column("day", Date(), "", source="day", business_date_of="day"),), "both for day"),
        ((Column("day", Date(), "", business_date_of="at"), Column("at", TimestampUtc(), "")), "has a source"),
        ((Column("day", Date(), "", business_date_of="n"), Column("n", Integer(), "", source="n")), "day: Date of n"),
        ((Column("is_day", Boolean(), "", business_date_of="at"), Column("at", TimestampUtc(), "", "at")), "Boolean"),
        ((Column("n", Integer(), "", source="n", missing="0"),), "missing=.0. on n"),
    ],
)
def test_a_column_that_no_item_can_fill_is_refused(columns: tuple[Column, ...], says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        Table(name="silver.x", description="", columns=columns)


@pytest.mark.parametrize("history", [False, True])
def test_a_table_that_items_fill_has_the_columns_of_every_loaded_table(history: bool) -> None:
    """After its own, once; the same columns in a table that is made from it add none."""
    own = (Column("id", Text(), "", source="key"),)
    loaded = Table(name="silver.x", description="", columns=own, history=history)
    versions = ("valid_from", "valid_to", "is_current") if history else ()
    assert loaded.column_names == ("id", *versions, "is_deleted", "_sequence_micros", "_export_id")
    assert replace(loaded, description="again").column_names == loaded.column_names
    made = replace(loaded, columns=(loaded.column("id").derived,))
    assert (made.is_loaded, made.column_names) == (False, ("id",))

"""Contracts that cannot be kept are refused where they are written, with the contract, the column and what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw
import pytest

from medallion_assets.contracts.expectations import expect, expect_or_drop
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Column, Date, Decimal, Money, Table, Text, TimestampUtc
from medallion_assets.errors import PermanentError
from medallion_assets.refining.judging.checked_contracts import checked, expect_conditions
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports

COLUMNS = (
    Column("order_id", Text(trim=False), "", source="order_id"),
    Column("placed_at", TimestampUtc(), "", source="placed_at"),
    Column("order_date", Date(), "", business_date_of="placed_at"),
    Column("total", Money, "", source="total"),
)
ANOTHER: Callable[[object], tuple[Column, ...]] = lambda kind: (*COLUMNS, Column("tax", kind, "", source="tax"))  # type: ignore[arg-type]  # noqa: E731


def declare(**other: Any) -> None:
    """Write the contract, declare it, and look at it as the definitions and then its stage do."""
    usual: dict[str, Any] = {"name": "silver.orders", "key": ("order_id",), "partition_by": "order_date"}
    table = Table(description="", **{**usual, "columns": COLUMNS, **other})
    (loaded,) = Pipeline(name="shop", loaded=(Loaded(table=table, source=DynamoDBExports()),)).loaded
    expect_conditions(checked(loaded.table))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"expectations": (expect_or_drop("x", nw.col("totl") > 0),)}, ["expectation x", "did you mean total?"]),
        ({"expectations": (expect("x", nw.col("total") > 0, "totl"),)}, ["column 'totl'", "did you mean total?"]),
        (
            {"expectations": (expect("x", nw.col("order_id") <= 100, "total"),)},
            ["cannot compare string with numeric", "what to do: correct the condition of x"],
        ),
        (
            {"expectations": (expect("x", nw.col("total").str.len_chars() > 1),)},
            ["expected `String`", "with name `total`", "what to do: correct the condition of x"],
        ),
        ({"expectations": (expect("x", nw.col("total")),)}, ["not yes or no", "nw.col(...) > 0"]),
        ({"partition_by": "placed_at"}, ["placed_at: TimestampUtc", "partition by order_date, the business day"]),
        (
            {"partition_by": "placed_at", "columns": COLUMNS[:2]},
            ['add Column("placed_date", Date(), "its day", business_date_of="placed_at")'],
        ),
        ({"key": ("order_idd",)}, ["columns order_idd", "did you mean order_id?"]),
        ({"name": "silver.support-tickets"}, ["call it silver.support_tickets", "`source_arn`"]),
        ({"columns": ANOTHER(Text)}, ["the class Text for tax", "write Text() for tax"]),
        ({"columns": ANOTHER(object())}, ["object for tax", "Text, Integer, Decimal"]),
        ({"left_out": ("coupon", "total")}, ["left_out of attributes that no column reads", "found: total;"]),
        ({"columns": ANOTHER(Decimal(40, 2))}, ["1 to 38 digits", "Decimal(precision=40, scale=2) for tax"]),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_nearest_right_thing(other: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(PermanentError) as refused:
        declare(**other)
    said = str(refused.value)
    assert said.startswith(f"the contract of {other.get('name', 'silver.orders')} cannot be kept; expected: ")
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("name", ["silver.support-tickets", "silver.Ünï", "silver.заказы"])
def test_the_name_that_is_proposed_is_taken(name: str) -> None:
    with pytest.raises(PermanentError) as refused:
        declare(name=name)
    declare(name=str(refused.value.parts["do"]).removeprefix("call it ").partition(";")[0])


def test_a_contract_that_can_be_kept_is_taken() -> None:
    declare(expectations=(expect("x", (nw.col("total") > 0) & ~nw.col("order_id").is_null(), "total"),))

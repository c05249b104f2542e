"""Silver enriched transactions: each live transaction with what its customer was at that time.

Belongs here: which version of a customer counts for a transaction (rule H2), and what a change of customers touches.
Does not: how versions are made, or which days a change of transactions restates.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import narwhals as nw

from medallion_assets.contracts.table import Table
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS

UNKNOWN = "unknown"
"""Segment and region of a customer who has no version at all."""

ATTRIBUTES = ("customer_segment", "region")
"""What a transaction takes from its customer."""

BEGINNING_OF_TIME = datetime(1900, 1, 1, tzinfo=UTC)
"""Before any transaction: rule T1 accepts none before 1990."""


ENRICHED_TRANSACTIONS = Table(
    name="silver.enriched_transactions",
    description="Every live transaction, with the segment and region that its customer had when it happened.",
    key=CUSTOMER_TRANSACTIONS.key,
    partition_by=CUSTOMER_TRANSACTIONS.partition_by,
    columns=tuple(
        column.derived
        for column in (*CUSTOMER_TRANSACTIONS.decoded_columns, *(CUSTOMERS.column(name) for name in ATTRIBUTES))
    ),
)


def customer_periods(customers: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """When each version of a customer counts: `customer_id`, the attributes, `applies_from`, `applies_to` (rule H2).

    `customers` has rows of silver.customers. The periods [applies_from, applies_to) of a customer leave no time out
    and never overlap: the first begins at BEGINNING_OF_TIME, each ends where the next version begins (deleted
    or not), and the last has no end (null).
    """
    order = {"order_by": "valid_from"}
    earlier = nw.col("valid_from").shift(1).over("customer_id", **order)
    later = nw.col("valid_from").shift(-1).over("customer_id", **order)
    return customers.with_columns(_earlier=earlier, applies_to=later).select(
        "customer_id",
        *ATTRIBUTES,
        nw.when(nw.col("_earlier").is_null())
        .then(nw.lit(BEGINNING_OF_TIME))
        .otherwise(nw.col("valid_from"))
        .alias("applies_from"),
        "applies_to",
    )


def enrich(transactions: nw.LazyFrame[Any], periods: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The live ones of `transactions` (rows of silver.customer_transactions) with the attributes of their customer.

    `periods` comes from `customer_periods`. One row out for each live row in; the columns of ENRICHED_TRANSACTIONS. The
    join passes through one row for each transaction and version of its customer: go by days when there are many.
    """
    live = transactions.filter(~nw.col("is_deleted"))
    return _as_of(live, periods, "transaction_at").select(*ENRICHED_TRANSACTIONS.column_names)


def changed_periods(before: nw.LazyFrame[Any], after: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The times for which a customer's attributes are others `after` than `before` (both rows of silver.customers).

    One row for each longest period [starts_at, ends_at): `customer_id`, `starts_at`, `ends_at` (null: no end). A
    customer that is new or gone counts as UNKNOWN on the other side.
    """
    old, new = customer_periods(before), customer_periods(after)
    turns = nw.concat(
        [periods.select("customer_id", nw.col("applies_from").alias("starts_at")) for periods in (old, new)]
    ).unique()
    compared = _as_of(_as_of(turns, old, "starts_at", "old_"), new, "starts_at", "new_")
    differs = nw.any_horizontal(
        *(nw.col(f"old_{name}") != nw.col(f"new_{name}") for name in ATTRIBUTES), ignore_nulls=False
    )
    differed = nw.col("differs").shift(1).over("customer_id", order_by="starts_at").fill_null(value=False)
    return (
        compared.with_columns(differs=differs)
        .with_columns(differed=differed)
        .filter(nw.col("differs") != nw.col("differed"))
        .with_columns(ends_at=nw.col("starts_at").shift(-1).over("customer_id", order_by="starts_at"))
        .filter(nw.col("differs"))
        .select("customer_id", "starts_at", "ends_at")
    )


def affected_days(transactions: nw.LazyFrame[Any], changes: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The days (`transaction_date`, the only column) with live transactions within `changes` of `changed_periods`.

    `transactions` are rows of silver.customer_transactions or silver.enriched_transactions; a tombstone has no customer
    (rule K3), so it never matches.
    """
    at = nw.col("transaction_at")
    return (
        transactions.join(changes, on="customer_id", how="inner")
        .filter((nw.col("starts_at") <= at) & (nw.col("ends_at").is_null() | (at < nw.col("ends_at"))))
        .select("transaction_date")
        .unique()
    )


def days_of_changed_customers(
    transactions: nw.LazyFrame[Any], before: nw.LazyFrame[Any], after: nw.LazyFrame[Any]
) -> nw.LazyFrame[Any]:
    """The days with live transactions of customers who are others `after` than `before` (rows of silver.customers)."""
    return affected_days(transactions, changed_periods(before, after))


def _as_of(moments: nw.LazyFrame[Any], periods: nw.LazyFrame[Any], at: str, prefix: str = "") -> nw.LazyFrame[Any]:
    """`moments` (with `customer_id` and the timestamp `at`) and, named with `prefix`, the attributes that held then."""
    moment, start, end = nw.col(at), nw.col("applies_from"), nw.col("applies_to")
    return (
        moments.join(periods, on="customer_id", how="left")
        .filter(start.is_null() | ((start <= moment) & (end.is_null() | (moment < end))))
        .drop("applies_from", "applies_to")
        .with_columns(nw.col(*ATTRIBUTES).fill_null(UNKNOWN))
        .rename({name: prefix + name for name in ATTRIBUTES})
    )

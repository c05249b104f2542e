"""Rows of silver.enriched_transactions, as the tests of Gold plant them.

Belongs here: how a short line becomes a row of the contract.
Does not: expected figures.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import narwhals as nw
import polars as pl

from medallion_assets.delta.schema import polars_schema
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS


class Sale(NamedTuple):
    """One live transaction."""

    day: date
    amount: str = "10"
    customer: str = "c1"
    status: str = "completed"
    quantity: int = 1
    category: str = "toys"
    segment: str = "gold"
    region: str = "west"


SCHEMA = {
    "transaction_date": pl.Date,
    "amount": pl.Decimal(18, 4),
    "customer_id": pl.String,
    "status": pl.String,
    "quantity": pl.Int64,
    "product_category": pl.String,
    "customer_segment": pl.String,
    "region": pl.String,
}


def enriched(*sales: Sale) -> nw.LazyFrame[Any]:
    """The columns of silver.enriched_transactions that Gold reads."""
    rows = [sale._replace(amount=Decimal(sale.amount)) for sale in sales]  # type: ignore[arg-type]
    return nw.from_native(pl.LazyFrame(rows, schema=SCHEMA, orient="row"))


def whole_rows(*sales: Sale) -> pl.DataFrame:
    """The same with every column of the contract: null where Gold does not read it."""
    rows = enriched(*sales).collect().to_native()
    return rows.select(
        pl.col(name) if name in rows.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in polars_schema(ENRICHED_TRANSACTIONS).items()
    )


def polars_types(table_columns: tuple[Any, ...]) -> dict[str, pl.DataType]:
    """What a contract's columns are in Polars."""
    types = {"Text": pl.String(), "Integer": pl.Int64(), "Decimal": pl.Decimal(18, 4), "Date": pl.Date()}
    return {column.name: types[type(column.type).__name__] for column in table_columns}

"""Every type of the contract has one type in Polars and one in Delta, and they agree."""

from __future__ import annotations

import polars as pl
import pytest

from medallion_assets.contracts.table import (
    Boolean,
    Column,
    Date,
    Decimal,
    Integer,
    Table,
    Text,
    TextList,
    TimestampUtc,
)
from medallion_assets.delta.schema import delta_schema, polars_schema
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS

TYPES = {
    Text(): (pl.String(), "string"),
    Integer(): (pl.Int64(), "long"),
    Decimal(18, 4): (pl.Decimal(18, 4), "decimal(18,4)"),
    TimestampUtc(): (pl.Datetime("us", "UTC"), "timestamp"),
    Date(): (pl.Date(), "date"),
    Boolean(): (pl.Boolean(), "boolean"),
}


def table(*columns: Column) -> Table:
    return Table(name="silver.kinds", description="every type", columns=columns)


@pytest.mark.parametrize("kind", TYPES)
def test_a_type_is_stored_as(kind: Text) -> None:
    polars_type, delta_type = TYPES[kind]
    contract = table(Column("a", kind, "", nullable=False))
    assert polars_schema(contract) == {"a": polars_type}
    (field,) = delta_schema(contract).fields
    assert (field.name, field.type.type, field.nullable) == ("a", delta_type, True)


def test_a_list_of_text_may_hold_nulls() -> None:
    contract = table(Column("a", TextList(), ""))
    assert polars_schema(contract) == {"a": pl.List(pl.String())}
    (field,) = delta_schema(contract).fields
    assert (field.type.element_type.type, field.type.contains_null) == ("string", True)


@pytest.mark.parametrize(
    "contract",
    [CUSTOMER_TRANSACTIONS, CUSTOMERS, ENRICHED_TRANSACTIONS, DAILY_SALES_SUMMARY, CUSTOMER_LTV],
    ids=lambda contract: contract.name,
)
def test_what_polars_would_write_is_what_the_table_says(contract: Table) -> None:
    """Each column in the same place; timestamps in UTC, so that tables stay at reader 1 and writer 2."""
    arrow = pl.DataFrame(schema=polars_schema(contract))
    assert arrow.columns == [field.name for field in delta_schema(contract).fields]
    assert not [kind for kind in arrow.dtypes if kind == pl.Datetime and kind != pl.Datetime("us", "UTC")]

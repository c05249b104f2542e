"""A pipeline whose contract asks for a column that it lacks, for processes that name it in MEDALLION_PIPELINES."""

from __future__ import annotations

import narwhals as nw

from medallion_assets.contracts.expectations import expect
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Column, Money, Table, Text
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports

_ORDERS = Table(
    name="silver.orders",
    description="",
    key=("order_id",),
    history=True,
    columns=(
        Column("order_id", Text(trim=False), "", source="order_id"),
        Column("total", Money, "", source="total"),
    ),
    expectations=(expect("total_positive", nw.col("totl") > 0),),
)
SHOP = Pipeline(name="shop", loaded=(Loaded(table=_ORDERS, source=DynamoDBExports()),))
MISSPELT = f"{__name__}:SHOP"

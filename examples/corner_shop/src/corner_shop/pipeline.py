"""What the corner shop publishes, and of what."""

from pathlib import Path

from medallion_assets.contracts.pipeline import DbtModels, Pipeline
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA

CUSTOMER_ORDERS = Table(
    name="gold.customer_orders",
    description="How often each customer has ordered.",
    key=("customer_id",),
    columns=(
        Column("customer_id", Text(trim=False), "who ordered; `unknown` where an order does not say"),
        Column("orders", Integer(), "orders that were not cancelled"),
        Column("last_order_date", Date(), "the day of the last of them"),
    ),
)
DAILY_ORDERS = Table(
    name="gold.daily_orders",
    description="How many orders each day had, by their status.",
    key=("order_date", "status"),
    columns=(
        ORDERS.column("order_date").derived,
        ORDERS.column("status").derived,
        Column("orders", Integer(), "orders"),
    ),
)
MODELS = DbtModels(
    name="corner_shop",
    project=Path(__file__).parent / "dbt_project",
    sources=(ORDERS,),
    models=(CUSTOMER_ORDERS, DAILY_ORDERS),
    translator="corner_shop.translator:Translator",
)
SHOP = Pipeline(
    name="corner_shop",
    loaded=tuple(loaded for loaded in STAR_SCHEMA.loaded if loaded.table is ORDERS),
    dbt=(MODELS,),
)

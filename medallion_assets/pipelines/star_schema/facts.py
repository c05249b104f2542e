"""Gold facts and the mart of them: what was ordered, and what it brought in.

Belongs here: their contracts.
Does not: how they are made (dbt_project/models/).
"""

from __future__ import annotations

from medallion_assets.contracts.table import Column, Date, Decimal, Integer, Money, Table, Text
from medallion_assets.pipelines.star_schema.dimensions import DIM_CUSTOMER, DIM_DATE, DIM_PRODUCT
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS

REVENUE = Decimal(28, 4)
"""A sum of amounts: many of the largest that a line may have are more than an amount of money holds."""
ORDER_MONTH = Column("order_month", Date(), "the first day of the month of order_date; the partition")

FCT_ORDER_LINE = Table(
    name="gold.fct_order_line",
    description="Every live line of a live order, with the version of its customer that held when it was ordered.",
    key=("order_id", "line_number"),
    partition_by="order_month",
    columns=(
        *(ORDER_LINES.column(name).derived for name in ("order_id", "line_number")),
        ORDER_MONTH,
        ORDERS.column("order_date").derived,
        Column("date_key", Integer(), f"order_date in {DIM_DATE.name}"),
        ORDERS.column("ordered_at").derived,
        Column("customer_key", Text(trim=False), f"the version of the customer in {DIM_CUSTOMER.name}"),
        Column("product_key", Text(trim=False), f"the product in {DIM_PRODUCT.name}"),
        ORDERS.column("customer_id").derived,
        ORDER_LINES.column("product_id").derived,
        ORDERS.column("status").derived,
        *(ORDER_LINES.column(name).derived for name in ("quantity", "unit_price", "discount")),
        Column("gross_amount", Money, "quantity x unit_price"),
        Column("discount_amount", Money, "gross_amount x discount, rounded half up to 4 decimals"),
        Column("net_amount", Money, "gross_amount - discount_amount"),
    ),
)
MART_REVENUE = Table(
    name="gold.mart_revenue",
    description="Revenue of completed and shipped orders by month, customer segment and product category.",
    key=("order_month", "segment", "category"),
    partition_by="order_month",
    columns=(
        ORDER_MONTH,
        Column("segment", Text(), "segment of the customer's version; unknown where the member is"),
        Column("category", Text(), "category of the product; unknown where the member is"),
        Column("line_count", Integer(), "order lines"),
        Column("order_count", Integer(), "orders that have such a line"),
        Column("units_sold", Integer(), "units"),
        Column("gross_revenue", REVENUE, "sum of gross_amount"),
        Column("net_revenue", REVENUE, "sum of net_amount"),
    ),
)

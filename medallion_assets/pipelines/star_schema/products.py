"""Silver products: every version of a product, so that what was sold keeps its category once it is deleted.

Belongs here: what a product is and what makes one valid.
Does not: the dimension made of them (dbt_project/), or how versions are made from records.
"""

from __future__ import annotations

from medallion_assets.contracts.table import Column, Money, Table, Text

PRODUCTS = Table(
    name="silver.products",
    description="The history of every product: one row a version, with the time in which it was valid.",
    key=("product_id",),
    history=True,
    columns=(
        Column("product_id", Text(trim=False), "the product's key in the shop", source="product_id"),
        Column("product_name", Text(), "what it is called", source="product_name"),
        Column("category", Text(case="lower"), "what it counts as in the figures", source="category"),
        Column("list_price", Money, "price of one in units of currency, 4 decimals", source="list_price"),
    ),
)

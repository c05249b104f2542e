"""The dbt models of the star schema: where their project lies, what it reads, and what of it is published.

Belongs here: that declaration.
Does not: SQL (dbt_project/), or the pipeline around it.
"""

from __future__ import annotations

from medallion_assets.contracts.pipeline import ByMonth, DbtModels
from medallion_assets.contracts.shipped import DBT_PROJECT
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.dimensions import DIM_CUSTOMER, DIM_DATE, DIM_PRODUCT
from medallion_assets.pipelines.star_schema.facts import FCT_ORDER_LINE, MART_REVENUE
from medallion_assets.pipelines.star_schema.holidays import SEED, us_holidays
from medallion_assets.pipelines.star_schema.order_lines import ORDER_LINES
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.products import PRODUCTS

PROJECT = DBT_PROJECT
STAR = DbtModels(
    name="star_schema",
    project=PROJECT,
    sources=(CRM_CUSTOMERS, PRODUCTS, ORDERS, ORDER_LINES),
    models=(DIM_CUSTOMER, DIM_PRODUCT, DIM_DATE, FCT_ORDER_LINE, MART_REVENUE),
    by_month=ByMonth(
        facts=FCT_ORDER_LINE,
        sources=(ORDERS, ORDER_LINES),
        members={CRM_CUSTOMERS.name: "customer_id", PRODUCTS.name: "product_id"},
        keys={"customer_key": DIM_CUSTOMER, "product_key": DIM_PRODUCT},
    ),
    generated={SEED: us_holidays},
    freshness_hours=26,
)

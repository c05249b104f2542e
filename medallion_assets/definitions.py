"""What Dagster loads: every room's assets, put together.

Belongs here: `build_defs`, and the one call that Dagster imports.
Does not: anything else.
"""

from __future__ import annotations

import dagster as dg

from medallion_assets.bronze.assets import bronze_asset
from medallion_assets.gold.assets import gold_assets
from medallion_assets.resources import DynamoDBResource, LakehouseResource
from medallion_assets.serving.assets import serving_assets
from medallion_assets.settings import Settings, load_settings
from medallion_assets.silver.assets import enriched_transactions, silver_asset
from medallion_assets.silver.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.silver.customers import CUSTOMERS

EXPORTED_TABLES = (CUSTOMER_TRANSACTIONS, CUSTOMERS)
"""The Silver contracts of the DynamoDB tables whose exports come in; add yours here."""


def build_defs(settings: Settings) -> dg.Definitions:
    """The whole asset graph for some settings."""
    return dg.Definitions(
        assets=[
            *(bronze_asset(table.short_name) for table in EXPORTED_TABLES),
            *(silver_asset(table) for table in EXPORTED_TABLES),
            enriched_transactions,
            *gold_assets(settings.first_day),
            *serving_assets(settings.first_day),
        ],
        resources={
            "lakehouse": LakehouseResource(url=settings.lakehouse_url, raw_url=settings.raw_url),
            "dynamodb": DynamoDBResource(),
        },
    )


defs = build_defs(load_settings())

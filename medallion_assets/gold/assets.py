"""Gold doorways: daily-partitioned assets, any range of days in one run.

Belongs here: how building Gold looks in Dagster: partitions, checks, metadata.
Does not: building (gold/build.py), or asking for the days that changed (triggers).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from medallion_assets.gold.build import (
    Built,
    build_customer_ltv,
    build_daily_sales,
    customer_ltv,
    daily_sales,
    partition,
    silver_revenue,
)
from medallion_assets.gold.customer_ltv import CUSTOMER_LTV
from medallion_assets.gold.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.lakehouse.contracts import BUSINESS_TIME_ZONE, Table
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.reporting import asset_key, doorway, table_metadata
from medallion_assets.resources import LakehouseResource
from medallion_assets.silver.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.silver.enriched_transactions import ENRICHED_TRANSACTIONS

Event = dg.MaterializeResult[None] | dg.AssetCheckResult


def business_days(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition a business day, from `first_day` to today inclusive."""
    return dg.DailyPartitionsDefinition(start_date=str(first_day), timezone=BUSINESS_TIME_ZONE, end_offset=1)


def gold_assets(first_day: date) -> list[dg.AssetsDefinition]:
    """The Gold assets, partitioned from `first_day` on."""
    shared: dict[str, Any] = {
        "partitions_def": business_days(first_day),
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "deps": [asset_key(ENRICHED_TRANSACTIONS)],
    }

    @dg.asset(**doorway(DAILY_SALES_SUMMARY), **shared, check_specs=_check_specs(DAILY_SALES_SUMMARY))
    def daily_sales_summary(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> Iterator[Event]:
        lake, days = lakehouse.connect(context), partition_days(context)
        built = build_daily_sales(lake, days, progress=context.log.info)
        gold, enriched = lake.open(DAILY_SALES_SUMMARY), lake.open(ENRICHED_TRANSACTIONS)
        stored = gold.scan(partitions=days).collect()
        yield _recomputed(DAILY_SALES_SUMMARY, stored, daily_sales(enriched, days))
        silver = silver_revenue(lake.open(CUSTOMER_TRANSACTIONS), days)
        yield _reconciled(DAILY_SALES_SUMMARY, stored["net_revenue"].sum() or 0, silver)
        yield _result(lake, DAILY_SALES_SUMMARY, built)

    @dg.asset(**doorway(CUSTOMER_LTV), **shared, check_specs=_check_specs(CUSTOMER_LTV))
    def customer_ltv_asset(context: dg.AssetExecutionContext, lakehouse: LakehouseResource) -> Iterator[Event]:
        lake, days = lakehouse.connect(context), partition_days(context)
        built = build_customer_ltv(lake, days, progress=context.log.info)
        latest, transactions = max(days), lake.open(CUSTOMER_TRANSACTIONS)
        stored = partition(lake.open(CUSTOMER_LTV), latest)
        yield _recomputed(CUSTOMER_LTV, stored, customer_ltv(lake.open(ENRICHED_TRANSACTIONS), latest))
        through = [day for day in transactions.partitions if day is not None and day <= latest]
        yield _reconciled(CUSTOMER_LTV, stored["lifetime_value"].sum() or 0, silver_revenue(transactions, through))
        yield _result(lake, CUSTOMER_LTV, built)

    return [daily_sales_summary, customer_ltv_asset]


def partition_days(context: dg.AssetExecutionContext) -> list[date]:
    """The days that a run was asked for, ascending."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def _check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            "equals_recomputation",
            asset=asset_key(table),
            blocking=True,
            description="What was stored equals what Silver gives now.",
        ),
        dg.AssetCheckSpec(
            "revenue_reconciles",
            asset=asset_key(table),
            blocking=True,
            description="Net revenue equals that of silver/customer_transactions, to the last decimal.",
        ),
    ]


def _recomputed(table: Table, stored: pl.DataFrame, expected: pl.DataFrame) -> dg.AssetCheckResult:
    key = list(table.key)
    same = stored.sort(key).equals(expected.sort(key))
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name="equals_recomputation",
        passed=same,
        metadata={"rows_stored": stored.height, "rows_recomputed": expected.height},
    )


def _reconciled(table: Table, gold: object, silver: object) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name="revenue_reconciles",
        passed=gold == silver,
        metadata={"net_revenue_gold": str(gold), "net_revenue_silver": str(silver)},
    )


def _result(lake: Lakehouse, table: Table, built: Built) -> dg.MaterializeResult[None]:
    metadata = table_metadata(lake.open(table), rows_in=built.rows_in, rows_out=built.rows_out)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(str(built.version)))

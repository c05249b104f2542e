"""Serving doorways: the assets that bring Gold's figures back to DynamoDB.

Belongs here: how publishing looks in Dagster: run config, checks, metadata.
Does not: publishing itself (dynamodb.day_publisher, dynamodb.item_publisher).

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
from deltalake.exceptions import DeltaError
from pydantic import Field

from medallion_assets.dynamodb.day_publisher import publish_day
from medallion_assets.dynamodb.item_publisher import publish_items
from medallion_assets.dynamodb.limiter import CapacityLimiter
from medallion_assets.dynamodb.publisher import Published
from medallion_assets.dynamodb.reader import read_day
from medallion_assets.dynamodb.serving_tables import ensure_day_table, ensure_item_table
from medallion_assets.dynamodb.watermark import read_watermark
from medallion_assets.gold.assets import business_days, partition_days
from medallion_assets.gold.build import partition
from medallion_assets.gold.customer_ltv import CUSTOMER_LTV
from medallion_assets.gold.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.reporting import asset_key, doorway
from medallion_assets.resources import DynamoDBResource, LakehouseResource
from medallion_assets.serving.customer_ltv_metrics import CUSTOMER_LTV_METRICS, KEY, metrics_item
from medallion_assets.serving.daily_sales_metrics import DAILY_SALES_METRICS, ROW_KEY_COLUMNS, metrics_row

Event = dg.MaterializeResult[None] | dg.AssetCheckResult
COUNT_CHECK = "count_equals_gold"


class PublishConfig(dg.Config):
    """Run config of a serving asset."""

    target_wcu: float = Field(default=500, gt=0, description="write capacity units a second that publishing may use")


def serving_assets(first_day: date) -> list[dg.AssetsDefinition]:
    """The serving assets, partitioned from `first_day` on."""
    shared: dict[str, Any] = {
        "partitions_def": business_days(first_day),
        "backfill_policy": dg.BackfillPolicy.single_run(),
    }

    @dg.asset(**_doorway(DAILY_SALES_METRICS), **shared, deps=[asset_key(DAILY_SALES_SUMMARY)])
    def daily_sales_metrics(
        context: dg.AssetExecutionContext,
        config: PublishConfig,
        lakehouse: LakehouseResource,
        dynamodb: DynamoDBResource,
    ) -> Iterator[Event]:
        client, gold = dynamodb.client(), lakehouse.connect(context).open(DAILY_SALES_SUMMARY)
        ensure_day_table(client, DAILY_SALES_METRICS.short_name)
        limiter = CapacityLimiter(config.target_wcu)
        published, expected, readable = [], 0, 0
        for day in partition_days(context):
            rows = [metrics_row(row) for row in partition(gold, day).to_dicts()]
            one = publish_day(
                client,
                table_name=DAILY_SALES_METRICS.short_name,
                day=day,
                version=gold.version,
                rows=rows,
                key_columns=ROW_KEY_COLUMNS,
                run_id=context.run.run_id,
                limiter=limiter,
                now=lakehouse.now(),
                progress=_progress(context, str(day), len(rows)),
            )
            published.append(one)
            if one.outcome != "superseded":
                expected += len(rows)
                readable += len(read_day(client, DAILY_SALES_METRICS.short_name, day))
        yield _counted(DAILY_SALES_METRICS, expected, readable)
        yield _result(DAILY_SALES_METRICS, published, expected)

    @dg.asset(**_doorway(CUSTOMER_LTV_METRICS), **shared, deps=[asset_key(CUSTOMER_LTV)])
    def customer_ltv_metrics(
        context: dg.AssetExecutionContext,
        config: PublishConfig,
        lakehouse: LakehouseResource,
        dynamodb: DynamoDBResource,
    ) -> Iterator[Event]:
        client, lake, as_of = dynamodb.client(), lakehouse.connect(context), partition_days(context)[-1]
        table_name = CUSTOMER_LTV_METRICS.short_name
        ensure_item_table(client, table_name, key=KEY)
        gold, watermark = lake.open(CUSTOMER_LTV), read_watermark(client, table_name)
        rows = [metrics_item(row) for row in partition(gold, as_of).to_dicts()]
        published = publish_items(
            client,
            table_name=table_name,
            key=KEY,
            rows=rows,
            previous_rows=_rows_at(lake, watermark),
            previous_watermark=watermark,
            as_of=as_of,
            version=gold.version,
            run_id=context.run.run_id,
            limiter=CapacityLimiter(config.target_wcu),
            now=lakehouse.now(),
            progress=_progress(context, str(as_of), len(rows)),
        )
        superseded = published.outcome == "superseded"
        yield _counted(CUSTOMER_LTV_METRICS, len(rows), len(rows) if superseded else _count_items(client, table_name))
        yield _result(CUSTOMER_LTV_METRICS, [published], len(rows))

    return [daily_sales_metrics, customer_ltv_metrics]


def _doorway(table: Table) -> dict[str, Any]:
    description = "Readers see as many rows as Gold has; a publish that a newer one overtook is not counted."
    check = dg.AssetCheckSpec(COUNT_CHECK, asset=asset_key(table), description=description)
    return {**doorway(table, kinds={"dynamodb", "serving"}), "check_specs": [check]}


def _rows_at(lake: Lakehouse, watermark: tuple[date, int] | None) -> list[dict[str, object]] | None:
    """The items that the watermark stands for; None when there are none, or Gold has forgotten that version."""
    if watermark is None:
        return None
    as_of, version = watermark
    try:
        return [metrics_item(row) for row in partition(lake.open(CUSTOMER_LTV, version=version), as_of).to_dicts()]
    except (DeltaError, OSError):
        return None


def _progress(context: dg.AssetExecutionContext, what: str, total: int) -> Callable[[int], None]:
    """Log about every tenth of the way."""
    step = max(total // 10, 1)

    def tell(done: int) -> None:
        if done % step == 0 or done == total:
            context.log.info("%s: %s of %s items written", what, f"{done:,}", f"{total:,}")

    return tell


def _count_items(client: Any, table_name: str) -> int:
    """How many items readers can find; the publisher's watermark is none."""
    pages = client.get_paginator("scan").paginate(TableName=table_name, Select="COUNT", ConsistentRead=True)
    return sum(page["Count"] for page in pages) - 1


def _counted(table: Table, expected: int, found: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(table),
        check_name=COUNT_CHECK,
        passed=expected == found,
        metadata={"rows_gold": expected, "rows_readable": found},
    )


def _result(table: Table, published: Sequence[Published], rows: int) -> dg.MaterializeResult[None]:
    outcomes = [one.outcome for one in published]
    return dg.MaterializeResult(
        metadata={
            "rows_in": rows,
            "rows_out": sum(one.items_written for one in published),
            "rows_quarantined": 0,
            "quality_score": 1.0,
            "dagster/row_count": rows,
            "table_version": max(one.version for one in published),
            "outcomes": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
            "consumed_wcu": sum(one.consumed_wcu for one in published),
            "throttled_requests": sum(one.throttled_requests for one in published),
            "location": f"dynamodb table {table.short_name}",
        }
    )

"""The demo: the whole pipeline on sample tables, on this machine, in under a minute.

Belongs here: what `medallion demo` does, step by step.
Does not: the samples, running the pipeline, what an earlier demo left, how things look.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from medallion_assets.cli.dagster_home import link_dev_yaml, own_settings
from medallion_assets.cli.demo.home import MADE_BY, demo_settings, recording
from medallion_assets.cli.demo.pipeline import UP_TO_SILVER, DemoPipeline, tables_of
from medallion_assets.cli.demo.result import DemoResult
from medallion_assets.cli.demo.view import DemoView
from medallion_assets.cli.embedded_dynamodb import embedded_dynamodb
from medallion_assets.cli.home_lock import only_one
from medallion_assets.deriving.kept_days import kept_as_of_days
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.ecommerce.samples.months import write_month
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.star_schema.samples.files import write_shop
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS, TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.history import write_bad_export, write_demo_history
from medallion_assets.settings import Settings
from medallion_assets.settings.spark import SparkSettings

SEED = 7
FIRST_DAY = date(2025, 1, 1)
MONTH_OF_CLICKS = date(2019, 10, 1)
DAYS_OF_ORDERS = 10
SMALL_SPARK = {"spark.sql.shuffle.partitions": "2"}
"""For tables of this size: a task takes longer to start than to run."""


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How large the sample tables are."""

    transactions: int = 50_000
    customers: int = 1_000
    days: int = 60
    published_days: int = 7
    orders: int = 2_000
    clicks: int = 50_000


def run_demo(settings: Settings, view: DemoView, size: DemoSize | None = None) -> DemoResult:
    """Run the story; everything it makes lies in the demo's own home, below `settings.home`.

    Raises:
        PermanentError: that home holds data that no demo made, another demo is at work there, or a stage failed that
            should not have.
    """
    settings = replace(demo_settings(settings), first_day=FIRST_DAY, spark=_for_small_tables(settings.spark))
    with only_one(settings.home, MADE_BY), recording(settings.home):
        if not link_dev_yaml(settings.dagster_home):
            view.note(own_settings(settings.dagster_home))
        return _run_story(settings, view, size or DemoSize())


def _for_small_tables(spark: SparkSettings) -> SparkSettings:
    """Where Spark is a process of this machine, and nothing else is set."""
    return replace(spark, conf={**SMALL_SPARK, **spark.conf}) if spark.is_local else spark


def _run_story(settings: Settings, view: DemoView, size: DemoSize) -> DemoResult:
    began = time.monotonic()
    story: dict[str, Any] = {
        "seed": SEED,
        "transactions": size.transactions,
        "customers": size.customers,
        "days": size.days,
        "first_day": FIRST_DAY + timedelta(days=1),  # UTC: it begins on the evening before in Los Angeles
    }
    figures = f"{size.transactions:,} transactions of {size.days} days, {size.customers:,} customers"
    with view.step(f"Writing sample exports: {figures}"):
        exports = write_demo_history(settings.raw_url, **story)
        view.note(f"{len(exports)} exports: a full one of each table, the others incremental")
    with embedded_dynamodb() as dynamodb:
        pipeline = DemoPipeline(settings, dynamodb.serving, view)
        up_to_silver = tables_of(TRANSACTIONS, *UP_TO_SILVER)
        pipeline.run("Bronze and Silver: load, judge, publish, enrich", up_to_silver)
        days = pipeline.days()
        pipeline.run("Gold: daily sales of every day", [DAILY_SALES_SUMMARY], days[0], days[-1])
        kept = kept_as_of_days(days, days[-1])[-size.published_days :]
        pipeline.run("Gold: customer lifetime value of the last days", [CUSTOMER_LTV], kept[0], kept[-1])
        published = days[-size.published_days :]
        pipeline.run(
            f"Serving: the last {size.published_days} days to DynamoDB",
            [SALES_METRICS.table],
            published[0],
            published[-1],
        )
        pipeline.run("Serving: the last day's lifetime values", [LIFETIME_VALUE_METRICS.table], days[-1], days[-1])
        before = pipeline.readable(published)
        bad = write_bad_export(settings.raw_url, **story)
        message = pipeline.run_to_the_gate(bad.export_id, up_to_silver)
        unchanged = pipeline.readable(published) == before
        _show_the_others(settings, view, size, pipeline)
        pipeline.write_pages()
        return DemoResult(
            tables=pipeline.summaries(),
            sales=pipeline.sales(published),
            published_days=[str(day) for day in published],
            bad_export=bad.export_id,
            gate_message=message,
            readable_unchanged=unchanged,
            seconds=time.monotonic() - began,
            home=str(settings.home),
        )


def _show_the_others(settings: Settings, view: DemoView, size: DemoSize, pipeline: DemoPipeline) -> None:
    """The star schema and the months: other sources, the same way through the layers."""
    with view.step(f"Writing CSV files: {size.orders:,} orders, a month of {size.clicks:,} clicks"):
        write_shop(settings.raw_url, seed=SEED, orders=size.orders, days=DAYS_OF_ORDERS, first_day=FIRST_DAY)
        place = f"{settings.raw_url}/{ECOMMERCE_EVENTS.short_name}"
        write_month(place, month=MONTH_OF_CLICKS, rows=size.clicks, seed=SEED)
    pipeline.run("Star schema: Bronze and Silver of a shop's files", tables_of(STAR_SCHEMA, *UP_TO_SILVER))
    pipeline.run("Star schema: built and tested by dbt, then published", tables_of(STAR_SCHEMA, "dbt"))
    month = tables_of(ECOMMERCE, *UP_TO_SILVER, "gold")
    pipeline.run("Clicks of a month: Bronze, Silver, revenue by brand", month, MONTH_OF_CLICKS, MONTH_OF_CLICKS)

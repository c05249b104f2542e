"""Serving's assets in Dagster: what is published, what is refused, and the check of what readers find."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from medallion_assets.contracts.coverage import NOTHING
from medallion_assets.delta.replacing.partitions import partition
from medallion_assets.operations.freshness.coverage import read_coverage
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.publish import Publisher
from medallion_assets.publishing.read_back import read_back
from medallion_assets.stages.serving import count_equals_gold, publisher_of
from medallion_assets_tests.graph import SERVING, Graph
from medallion_assets_tests.orchestration.assets.served import DAYS, LAST, LTV, SALES, days_read
from medallion_assets_tests.pipeline import NOW, read_ltv


@pytest.fixture
def publisher(built: Graph, limiter: CapacityLimiter) -> Publisher:
    """Publishes what `built` has, without Dagster."""
    return publisher_of(built.lakehouse, built.serving, built.dynamodb, limiter, run_id="run", now=NOW)


def days_of_gold(graph: Graph) -> dict[date, int]:
    gold = graph.lakehouse.open(DAILY_SALES_SUMMARY)
    return {day: partition(gold, day).height for day in DAYS}


def delete_one(graph: Graph, table: str, key: str, *more: str) -> None:
    """Delete an item that readers need."""
    items = graph.dynamodb.scan(TableName=table)["Items"]
    item = next(item for item in items if not any("#" in item[name]["S"][:1] for name in (key, *more)))
    graph.dynamodb.delete_item(TableName=table, Key={name: item[name] for name in (key, *more)})


def test_readers_find_what_gold_has(built: Graph) -> None:
    """P1, P2: a range of days; of the lifetime values its last day."""
    run = built.run(*SERVING, first=DAYS[0], last=DAYS[1])
    assert run.success
    assert run.failed_checks == set()
    assert days_read(built) == days_of_gold(built)
    figures = run.figures(SALES)
    rows = sum(days_of_gold(built).values())
    assert (figures["rows_in"], figures["rows_out"], figures["dagster/row_count"]) == (rows, rows, rows)
    assert figures["outcomes"] == "published: 2"
    assert read_watermark(built.dynamodb, LIFETIME_VALUE_METRICS.to, keys={"customer_id": "S"}) == (
        LAST,
        1,
    )
    customers = partition(built.lakehouse.open(CUSTOMER_LTV), LAST)
    some = customers.row(0, named=True)
    read = read_ltv(built.dynamodb, LIFETIME_VALUE_METRICS.table.short_name, some["customer_id"], today=LAST)
    assert read is not None
    assert {name: read[name] for name in ("lifetime_value", "recency_days")} == {
        name: some[name] for name in ("lifetime_value", "recency_days")
    }
    assert run.figures(LTV)["dagster/row_count"] == customers.height
    reached = read_coverage(built.lakehouse)
    assert reached["serving.daily_sales_metrics"] == reached["gold.daily_sales_summary"] != NOTHING


@pytest.mark.slow
def test_publishing_the_same_again_writes_nothing(built: Graph) -> None:
    """P1, P2: and the checks still compare with Gold."""
    built.run(*SERVING, first=LAST)
    again = built.run(*SERVING, first=LAST)
    assert [again.figures(asset)["rows_out"] for asset in SERVING] == [0, 0]
    assert [again.figures(asset)["outcomes"] for asset in SERVING] == ["unchanged: 1", "unchanged: 1"]
    assert again.checks[SALES, "count_equals_gold"].passed


@pytest.mark.slow
def test_an_older_day_never_moves_lifetime_values_backwards(built: Graph) -> None:
    """P2: it is overtaken already, which is no failure; nothing of it is counted."""
    built.run(LTV, first=LAST)
    run = built.run(LTV, first=DAYS[0])
    assert run.success
    assert run.figures(LTV)["outcomes"] == "superseded: 1"
    assert run.figures(LTV, "count_equals_gold") == {"rows_gold": 0, "rows_left_out": 0, "rows_readable": 0}
    assert read_watermark(built.dynamodb, LIFETIME_VALUE_METRICS.to, keys={"customer_id": "S"}) == (
        LAST,
        1,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asset", "gold"),
    [(SALES, "gold/daily_sales_summary"), pytest.param(LTV, "gold/customer_ltv", marks=pytest.mark.slow)],
)
def test_a_partition_that_was_never_built_is_not_published(built: Graph, asset: str, gold: str) -> None:
    """P1, P2: readers would see an empty day, or lose every customer."""
    built.run(*SERVING, first=LAST)
    before = days_read(built)
    unbuilt = LAST - timedelta(days=3)
    run = built.run(asset, first=unbuilt)
    assert f"run {gold} for {unbuilt} first" in run.failure
    assert days_read(built) == before
    assert read_watermark(built.dynamodb, LIFETIME_VALUE_METRICS.to, keys={"customer_id": "S"}) == (
        LAST,
        1,
    )


def test_a_day_that_is_right_to_be_empty_is_published(built: Graph) -> None:
    """P1: no sales at all; its pointer moves as well."""
    quiet = LAST + timedelta(days=30)
    run = built.run("gold/daily_sales_summary", SALES, first=quiet)
    assert run.success
    assert run.figures(SALES)["outcomes"] == "published: 1"
    assert run.figures(SALES)["preview"] == []


def test_a_row_that_readers_miss_fails_the_check(built: Graph, publisher: Publisher) -> None:
    """P1: a day that does not show all its rows is not readable at all."""
    published = publisher.publish(SALES_METRICS, DAYS)
    assert count_equals_gold(SALES_METRICS.table, read_back(publisher, SALES_METRICS, published)).passed
    delete_one(built, SALES_METRICS.table.short_name, "metric_date", "row_key")
    found = read_back(publisher, SALES_METRICS, published)
    assert not count_equals_gold(SALES_METRICS.table, found).passed
    gold = days_of_gold(built)
    assert found.rows_gold == sum(gold.values())
    assert found.rows_readable in gold.values()


def test_a_customer_that_readers_miss_fails_the_check(built: Graph, publisher: Publisher) -> None:
    """P2: one too few."""
    published = publisher.publish(LIFETIME_VALUE_METRICS, [LAST])
    assert count_equals_gold(
        LIFETIME_VALUE_METRICS.table, read_back(publisher, LIFETIME_VALUE_METRICS, published)
    ).passed
    delete_one(built, LIFETIME_VALUE_METRICS.table.short_name, "customer_id")
    found = read_back(publisher, LIFETIME_VALUE_METRICS, published)
    assert found.rows_gold - found.rows_readable == 1
    assert not count_equals_gold(LIFETIME_VALUE_METRICS.table, found).passed


@pytest.mark.slow
def test_the_budget_is_run_config(built: Graph) -> None:
    """P3: 500 unless the run says otherwise; nothing is not a budget."""
    runs = built.run(SALES, first=LAST), built.run(SALES, first=LAST, config={SALES: {"target_wcu": 50}})
    assert [run.figures(SALES)["target_wcu"] for run in runs] == [500, 50]
    assert not built.run(SALES, first=LAST, config={SALES: {"target_wcu": 0}}).success

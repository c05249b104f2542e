"""Serving's assets in Dagster: what is published, what is refused, and the check of what readers find."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from medallion_assets.contracts.coverage import NOTHING
from medallion_assets.definitions import build_defs
from medallion_assets.delta.partitions import partition
from medallion_assets.operations.coverage import read_coverage
from medallion_assets.operations.pipeline_runs import knows_run
from medallion_assets.orchestration.resources import DynamoDBResource
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS
from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets.publishing.publish import Publisher
from medallion_assets.publishing.read_back import read_back
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.watermark import read_watermark
from medallion_assets.refining.samples import identify
from medallion_assets.settings import load_settings
from medallion_assets.stages.serving import count_equals_gold
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.graph import GOLD, REGION, SERVING, STORY_DAYS, TABLES, Graph, graph_at
from medallion_assets_tests.pipeline import NOW, read_ltv
from medallion_assets_tests.services.processes import free_port

SALES, LTV = SERVING
LAST = STORY_DAYS[1] - timedelta(days=1)
DAYS = [LAST - timedelta(days=1), LAST]


@pytest.fixture(scope="module")
def built_home(refined_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which Gold has the last two whole days; to be copied, not changed."""
    home = Path(shutil.copytree(refined_home, tmp_path_factory.mktemp("built") / "home"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert graph_at(home, instance).run(*GOLD, first=DAYS[0], last=DAYS[1]).success
    return home


@pytest.fixture
def built(graph: Graph, built_home: Path) -> Graph:
    """The graph over a copy of that home."""
    shutil.copytree(built_home, graph.settings.home)
    return graph


@pytest.fixture
def publisher(built: Graph, limiter: CapacityLimiter) -> Publisher:
    """Publishes what `built` has, without Dagster."""
    return Publisher(
        client=built.dynamodb,
        lakehouse=built.lakehouse,
        identify=partial(identify, built.lakehouse, NOW),
        knows_run=partial(knows_run, built.lakehouse),
        limiter=limiter,
        run_id="run",
        now=NOW,
        creates_tables=True,
        publish_samples=TABLES,
    )


def days_read(graph: Graph) -> dict[date, int]:
    """How many rows readers find of each day."""
    return {day: len(read_day(graph.dynamodb, SALES_METRICS.table.short_name, day)) for day in DAYS}


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
    assert read_watermark(built.dynamodb, LIFETIME_VALUE_METRICS.table.short_name, keys=["customer_id"]) == (LAST, 1)
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


def test_an_older_day_never_moves_lifetime_values_backwards(built: Graph) -> None:
    """P2: it is overtaken already, which is no failure; nothing of it is counted."""
    built.run(LTV, first=LAST)
    run = built.run(LTV, first=DAYS[0])
    assert run.success
    assert run.figures(LTV)["outcomes"] == "superseded: 1"
    assert run.figures(LTV, "count_equals_gold") == {"rows_gold": 0, "rows_left_out": 0, "rows_readable": 0}
    assert read_watermark(built.dynamodb, LIFETIME_VALUE_METRICS.table.short_name, keys=["customer_id"]) == (LAST, 1)


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
    assert read_watermark(built.dynamodb, LIFETIME_VALUE_METRICS.table.short_name, keys=["customer_id"]) == (LAST, 1)


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
def test_the_budget_is_run_config(built: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: 500 unless the run says otherwise; nothing is not a budget."""
    budgets = []

    def limiter(target_wcu: float) -> Any:
        budgets.append(target_wcu)
        return CapacityLimiter(target_wcu)

    monkeypatch.setattr("medallion_assets.stages.serving.CapacityLimiter", limiter)
    built.run(SALES, first=LAST)
    built.run(SALES, first=LAST, config={SALES: {"target_wcu": 50}})
    assert budgets == [500, 50]
    assert not built.run(SALES, first=LAST, config={SALES: {"target_wcu": 0}}).success


@pytest.mark.parametrize("asset", first_quick(*SERVING))
def test_a_missing_table_is_not_made_unasked(built: Graph, asset: str) -> None:
    """The failure has the command that makes it, and nothing is tried again."""
    careful = replace(built, dynamodb_resource=DynamoDBResource(region=REGION, publish_samples=[*TABLES]))
    run = careful.run(asset, first=LAST)
    assert f"create it: aws dynamodb create-table --table-name {asset.split('/')[1]} " in run.failure
    assert run.retries == 0
    assert built.dynamodb.list_tables()["TableNames"] == []
    assert built.run(asset, first=LAST).success


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"endpoint_url": "localhost:8000", "region": REGION}, "correct AWS_ENDPOINT_URL_DYNAMODB"),
        ({"region": "us west"}, "set AWS_DEFAULT_REGION"),
    ],
)
def test_settings_that_lead_to_no_dynamodb_say_what_to_set(built: Graph, options: dict[str, str], remedy: str) -> None:
    run = replace(built, dynamodb_resource=DynamoDBResource(**options)).run(SALES, first=LAST)
    assert remedy in run.failure
    assert run.retries == 0


@pytest.mark.parametrize(
    ("region", "remedy"), [(None, "set AWS_DEFAULT_REGION"), (REGION, "give this process AWS credentials: AWS_ACCESS")]
)
def test_without_an_endpoint_or_an_account_it_says_what_to_set(
    built: Graph, monkeypatch: pytest.MonkeyPatch, region: str | None, remedy: str
) -> None:
    """As a newcomer has it who sets nothing at all."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers the credentials of before
    resource = DynamoDBResource(region=region, publish_samples=[*TABLES])
    run = replace(built, dynamodb_resource=resource).run(SALES, first=LAST)
    assert remedy in run.failure
    assert run.retries == 0


def test_an_endpoint_where_nobody_listens_is_asked_again(built: Graph) -> None:
    """Within the step first, then by the step's own retries; in the end the error says what to set."""
    nowhere = DynamoDBResource(endpoint_url=f"http://127.0.0.1:{free_port()}", region=REGION)
    settings = load_settings({"MEDALLION_HOME": str(built.settings.home), "MEDALLION_RETRY_SECONDS": "0"})
    patient = replace(settings, step_retry_seconds=0.0)
    run = replace(built, settings=patient, dynamodb_resource=nowhere).run(SALES, first=LAST)
    assert not run.success
    assert run.retries == SALES_METRICS.limits.retries
    failure = [event for event in run.result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE][-1]
    assert "AWS_ENDPOINT_URL_DYNAMODB" in str(failure.step_failure_data.user_failure_data)


def test_throttling_that_lasts_shows_readers_nothing_and_ends_with_what_to_do(
    built: Graph, limiter: CapacityLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request to write is throttled: transient, tried again by the step; when it is over the day is published."""
    monkeypatch.setattr("medallion_assets.stages.serving.CapacityLimiter", lambda _: limiter)
    settings = load_settings({"MEDALLION_HOME": str(built.settings.home), "MEDALLION_RETRIES": "0"})
    patient = replace(built, settings=replace(settings, step_retry_seconds=0.0))
    call = BaseClient._make_api_call

    def throttled(client: Any, operation: str, arguments: Any) -> Any:
        if operation in ("PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems"):
            error = {"Code": "ProvisionedThroughputExceededException", "Message": "too fast"}
            raise ClientError({"Error": error}, operation)
        return call(client, operation, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", throttled)
        run = patient.run(SALES, first=LAST)
    assert (run.success, run.retries) == (False, SALES_METRICS.limits.retries)
    failure = [event for event in run.result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE][-1]
    said = str(failure.step_failure_data.user_failure_data)
    assert "ProvisionedThroughputExceededException" in said
    assert "compare the table's write capacity with target_wcu" in said
    assert days_read(built)[LAST] == 0
    assert patient.run(SALES, first=LAST).success


def test_the_settings_reach_what_publishes(built: Graph) -> None:
    """The prefix in every name that an asset uses; samples go to no account that nobody named."""
    named = {"MEDALLION_SERVING_PREFIX": "x.", "MEDALLION_PUBLISH_SAMPLES": "x.daily_sales_metrics"}
    for more, creates in ((named, "yes"), ({}, "yes")):
        settings = load_settings(
            {"MEDALLION_HOME": str(built.settings.home), "MEDALLION_CREATE_TABLES": creates, **more}
        )
        resource = (build_defs(settings).resources or {})["dynamodb"]
        assert resource.prefix == settings.serving_prefix
        assert resource.publish_samples == list(settings.publish_samples)
    mine = DynamoDBResource(region=REGION, creates_tables=True, prefix="x.", publish_samples=["x.daily_sales_metrics"])
    run = replace(built, dynamodb_resource=mine).run(SALES, first=LAST)
    assert run.figures(SALES)["location"] == "DynamoDB table x.daily_sales_metrics"
    assert run.failed_checks == set()
    refused = replace(built, dynamodb_resource=mine).run(LTV, first=LAST)
    assert "sample data is not published to DynamoDB table x.customer_ltv_metrics" in refused.failure
    assert refused.retries == 0
    assert built.dynamodb.list_tables()["TableNames"] == ["x.daily_sales_metrics"]


def test_tables_are_made_when_the_settings_say_so(built: Graph) -> None:
    """What Dagster loads hands the setting on."""
    for said, creates in (("yes", True), ("no", False)):
        settings = load_settings({"MEDALLION_HOME": str(built.settings.home), "MEDALLION_CREATE_TABLES": said})
        resources = build_defs(settings).resources or {}
        assert resources["dynamodb"].creates_tables is creates

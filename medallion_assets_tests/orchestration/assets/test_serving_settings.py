"""The settings that lead the assets of serving to DynamoDB, and a DynamoDB that does not take what is written."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from medallion_assets.definitions import build_defs
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import load_settings
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.graph import REGION, SERVING, TABLES, Graph
from medallion_assets_tests.orchestration.assets.served import LAST, LTV, SALES, days_read
from medallion_assets_tests.services.processes import free_port


@pytest.mark.parametrize("asset", first_quick(*SERVING))
def test_a_missing_table_is_not_made_unasked(built: Graph, asset: str) -> None:
    """The failure has the command that makes it, and nothing is tried again."""
    careful = replace(built, serving=Serving(region=REGION, publish_samples=TABLES))
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
    run = replace(built, serving=Serving(**options)).run(SALES, first=LAST)
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
    resource = Serving(region=region, publish_samples=TABLES)
    run = replace(built, serving=resource).run(SALES, first=LAST)
    assert remedy in run.failure
    assert run.retries == 0


def test_an_endpoint_where_nobody_listens_is_asked_again(built: Graph) -> None:
    """Within the step first, then by the step's own retries; in the end the error says what to set."""
    nowhere = Serving(endpoint_url=f"http://127.0.0.1:{free_port()}", region=REGION)
    settings = load_settings({"MEDALLION_HOME": str(built.settings.home), "MEDALLION_RETRY_SECONDS": "0"})
    patient = replace(settings, step_retry_seconds=0.0)
    run = replace(built, settings=patient, serving=nowhere).run(SALES, first=LAST)
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
        assert resource.serving.prefix == settings.serving_prefix
        assert resource.serving.publish_samples == settings.publish_samples
    mine = Serving(region=REGION, creates_tables=True, prefix="x.", publish_samples=("x.daily_sales_metrics",))
    run = replace(built, serving=mine).run(SALES, first=LAST)
    assert run.figures(SALES)["location"] == "DynamoDB table x.daily_sales_metrics"
    assert run.failed_checks == set()
    refused = replace(built, serving=mine).run(LTV, first=LAST)
    assert "sample data is not published to DynamoDB table x.customer_ltv_metrics" in refused.failure
    assert refused.retries == 0
    assert built.dynamodb.list_tables()["TableNames"] == ["x.daily_sales_metrics"]


def test_tables_are_made_when_the_settings_say_so(built: Graph) -> None:
    """What Dagster loads hands the setting on."""
    for said, creates in (("yes", True), ("no", False)):
        settings = load_settings({"MEDALLION_HOME": str(built.settings.home), "MEDALLION_CREATE_TABLES": said})
        resources = build_defs(settings).resources or {}
        assert resources["dynamodb"].serving.creates_tables is creates

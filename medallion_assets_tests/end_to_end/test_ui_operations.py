"""What people do in the UI, by the same GraphQL and on the production deployment: run again, retry, backfill, end.

It takes a minute or two: `make test-faults` runs it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.orchestration.assets.fresh_checks import FRESHNESS
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.tables.serving_tables import day_table, ensure_table
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.settings import load_settings
from medallion_assets_tests.end_to_end.test_production import FINISHED, story_of
from medallion_assets_tests.graph import BRONZE, SILVER, STORY, STORY_DAYS
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services.daemon import Deployment, Run, deployment_on
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.waiting import wait_until

SECONDS = 240.0
SALES = ("gold/daily_sales_summary", "serving/daily_sales_metrics")
SERVED = "daily_sales_metrics"
AGAIN = """mutation ($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATE = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status } ... on PythonError { message } } }"""
CANCEL = "mutation ($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename } }"
TERMINATE = """mutation ($id: String!) { terminateRun(runId: $id, terminatePolicy: SAFE_TERMINATE) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""
STEPS = """query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  __typename ... on StepEvent { stepKey } } } } }"""


@pytest.fixture
def production(tmp_path: Path, postgres: PostgresServer, dynamodb_local: DynamoDBLocal) -> Iterator[Deployment]:
    """A deployment that starts nothing by itself, with exports that have landed, and no table in DynamoDB yet."""
    with deployment_on(tmp_path, postgres, dynamodb_local, MEDALLION_TRIGGERS="off") as production:
        write_demo_history(load_settings(production.environment).raw_url, **STORY)
        production.start()
        yield production


@pytest.mark.skipif(not os.environ.get("MEDALLION_FAULTS"), reason="takes minutes: make test-faults")
def test_what_people_do_in_the_ui_does_once_what_it_says(production: Deployment, dynamodb_local: DynamoDBLocal) -> None:
    lakehouse = Lakehouse(catalog=CATALOG, url=load_settings(production.environment).lakehouse_url)
    days = [STORY_DAYS[0] + timedelta(number) for number in range((STORY_DAYS[1] - STORY_DAYS[0]).days)]

    # Ended in the middle, then run again: everything is in, once.
    loading = production.launch_run("ingest_and_refine", *BRONZE, *SILVER)
    wait(production, loading, {"STARTED"})
    assert production.ask(TERMINATE, id=loading)["terminateRun"] == {"__typename": "TerminateRunSuccess"}
    assert wait(production, loading, FINISHED).status == "CANCELED"
    assert wait(production, again(production, loading, "ALL_STEPS"), FINISHED).status == "SUCCESS"
    loaded, refined = (
        lakehouse.open(table) for table in (bronze_table("customer_transactions"), CUSTOMER_TRANSACTIONS)
    )

    # Run again though nothing is missing: nothing changes.
    assert wait(production, again(production, loading, "ALL_STEPS"), FINISHED).status == "SUCCESS"
    assert lakehouse.open(loaded.table).version == loaded.version
    assert lakehouse.open(refined.table).version == refined.version

    # Days that fail where they are published, the cause mended, and retried from failure: Gold is not built again.
    publishing = backfill(production, days[:3])
    assert wait_for_backfill(production, publishing) == "COMPLETED_FAILED"
    (failed,) = [run for run in production.runs() if run.tags.get("dagster/backfill") == publishing]
    built = lakehouse.open(DAILY_SALES_SUMMARY)
    assert (failed.status, built.partitions) == ("FAILURE", days[:3])
    ensure_table(dynamodb_local.client, day_table(SERVED), creates=True)
    retried = again(production, failed.run_id, "FROM_FAILURE")
    assert wait(production, retried, FINISHED).status == "SUCCESS"
    assert steps(production, retried) == {"serving__daily_sales_metrics", FRESHNESS}  # which waited for it
    assert lakehouse.open(DAILY_SALES_SUMMARY).version == built.version
    assert all(read_day(dynamodb_local.client, SERVED, day) for day in days[:3])

    # All days, in one run.
    every = backfill(production, days)
    assert wait_for_backfill(production, every) == "COMPLETED_SUCCESS"
    assert len([run for run in production.runs() if run.tags.get("dagster/backfill") == every]) == 1
    assert all(read_day(dynamodb_local.client, SERVED, day) for day in days)

    # A backfill that is canceled leaves no run behind, and the next one is as good as any.
    canceled = backfill(production, days)
    assert production.ask(CANCEL, id=canceled)["cancelPartitionBackfill"]["__typename"] == "CancelBackfillSuccess"
    assert wait_for_backfill(production, canceled) == "CANCELED"
    assert wait_for_backfill(production, backfill(production, days[:1])) == "COMPLETED_SUCCESS"
    assert {run.status for run in production.runs()} <= FINISHED
    assert verify(lakehouse, deep=True).findings == []
    assert production.stop() == 0


def again(production: Deployment, run_id: str, strategy: str) -> str:
    """Run a run again, as the button does; the id of the new one."""
    answer = production.ask(AGAIN, params={"parentRunId": run_id, "strategy": strategy})["launchRunReexecution"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def backfill(production: Deployment, days: list[date]) -> str:
    """Build and publish days; the id of the backfill."""
    params = {
        "assetSelection": [{"path": asset.split("/")} for asset in SALES],
        "partitionNames": [str(day) for day in days],
    }
    answer = production.ask(BACKFILL, params=params)["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def wait(production: Deployment, run_id: str, statuses: set[str]) -> Run:
    """The run, once it has come to one of these; one that is over before is taken as it is."""
    deadline = time.monotonic() + SECONDS
    while True:
        (run,) = [run for run in production.runs() if run.run_id == run_id]
        if run.status in statuses | FINISHED:
            return run
        assert time.monotonic() < deadline, story_of(production)
        time.sleep(0.1)


def wait_for_backfill(production: Deployment, backfill_id: str) -> str:
    """What has become of a backfill."""

    def come_to() -> str:
        status = str(production.ask(STATE, id=backfill_id)["partitionBackfillOrError"]["status"])
        return "" if status in ("REQUESTED", "CANCELING", "FAILING") else status

    return wait_until(come_to, lambda: story_of(production), SECONDS)


def steps(production: Deployment, run_id: str) -> set[str]:
    """The steps of a run that began."""
    events: list[dict[str, Any]] = production.ask(STEPS, id=run_id)["logsForRun"]["events"]
    return {event["stepKey"] for event in events if event["__typename"] == "ExecutionStepStartEvent"}

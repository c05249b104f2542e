"""A publish that takes too long is interrupted; readers see nothing of it, it holds nothing, and the next is whole."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.budget.budget_table import BUDGET_TABLE
from medallion_assets.publishing.budget.write_shares import KEY
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.serving import Serving
from medallion_assets_tests.graph import REGION, SERVING, STORY_DAYS, TABLES, Graph
from medallion_assets_tests.orchestration.runs.ringing import ring_now

SALES = SERVING[0]
DAY = STORY_DAYS[1] - timedelta(days=1)


def timed_out(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Publish a day, whose limit is over in the middle of a write; who had a lease on the write budget then.

    DynamoDB has carried the write out, and nobody hears its answer. The timer rings once, whoever writes beside it.
    """
    assert graph.run("gold/daily_sales_summary", first=DAY).success
    call, written, found = BaseClient._make_api_call, itertools.count(), list[set[str]]()

    def slow(client: Any, operation: str, arguments: Any) -> Any:
        answer = call(client, operation, arguments)
        if operation == "BatchWriteItem" and next(written) == 0:
            found.append(leases(graph))
            ring_now(SALES_METRICS.limits)
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", slow)
        ended = graph.run(SALES, first=DAY)
    assert ended.failure.startswith("serving.daily_sales_metrics: took longer than its time limit")
    assert ended.retries == 0
    last = read_attempts(graph.lakehouse).filter(stage="serving.daily_sales_metrics").row(-1, named=True)
    assert (last["outcome"], last["error_kind"]) == ("timed out", "time limit")
    return found


def leases(graph: Graph) -> set[str]:
    """Who has one; nobody where no budget is shared."""
    if BUDGET_TABLE not in graph.dynamodb.list_tables()["TableNames"]:
        return set()
    return set(graph.dynamodb.get_item(TableName=BUDGET_TABLE, Key=KEY, ConsistentRead=True)["Item"]["leases"]["M"])


def test_in_the_middle_of_a_write(refined: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    assert timed_out(refined, monkeypatch) == [set()]
    assert read_day(refined.dynamodb, SALES_METRICS.table.short_name, DAY) == []
    again = refined.run(SALES, first=DAY)
    assert again.success
    assert again.failed_checks == set()


@pytest.mark.slow
def test_its_lease_on_the_common_write_budget_is_given_back(refined: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once: the others need not wait until it ends by itself."""
    resource = Serving(region=REGION, creates_tables=True, publish_samples=TABLES, total_wcu=1000.0)
    graph = replace(refined, serving=resource)
    (held,) = timed_out(graph, monkeypatch)
    assert len(held) == 1
    assert leases(graph) == set()

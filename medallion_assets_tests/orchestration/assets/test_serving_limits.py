"""A publish that takes too long is interrupted; readers see nothing of it, and the next one is whole."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.graph import SERVING, STORY_DAYS, Graph
from medallion_assets_tests.orchestration.runs.ringing import ring_now

SALES = SERVING[0]
DAY = STORY_DAYS[1] - timedelta(days=1)


def test_in_the_middle_of_a_write(refined: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which DynamoDB has carried out, and whose answer nobody hears. The timer rings once, whoever writes beside it."""
    assert refined.run("gold/daily_sales_summary", first=DAY).success
    call, written = BaseClient._make_api_call, itertools.count()

    def slow(client: Any, operation: str, arguments: Any) -> Any:
        answer = call(client, operation, arguments)
        if operation == "BatchWriteItem" and next(written) == 0:
            ring_now(SALES_METRICS.limits)
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", slow)
        ended = refined.run(SALES, first=DAY)
    assert ended.failure.startswith("serving.daily_sales_metrics: took longer than its time limit")
    assert ended.retries == 0
    assert read_day(refined.dynamodb, SALES_METRICS.table.short_name, DAY) == []
    last = read_attempts(refined.lakehouse).filter(stage="serving.daily_sales_metrics").row(-1, named=True)
    assert (last["outcome"], last["error_kind"]) == ("timed out", "time limit")

    again = refined.run(SALES, first=DAY)
    assert again.success
    assert again.failed_checks == set()

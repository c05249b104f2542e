"""Rows for the tests of alert rules: attempts and expectation results, as the stages would have written them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from medallion_assets.delta.row_tables.rows import frame_of
from medallion_assets.operations.tables.expectation_results import EXPECTATION_RESULTS, ExpectationResult
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, Outcome, StageAttempt

NOW = datetime(2025, 5, 8, 15, tzinfo=UTC)
"""08:00 in Los Angeles."""
SILVER = "silver.customer_transactions"


def attempt(*, ago: float = 3600, **facts: Any) -> StageAttempt:
    """An attempt of Silver so many seconds ago, which took a minute and succeeded unless `facts` say otherwise."""
    usual: dict[str, Any] = {
        "run_id": "r1",
        "job": "refine",
        "stage": SILVER,
        "attempt": 1,
        "started_at": NOW - timedelta(seconds=ago),
        "duration_seconds": 60.0,
        "outcome": Outcome.SUCCEEDED,
    }
    return StageAttempt(**{**usual, **facts})


def attempts(*rows: StageAttempt) -> pl.DataFrame:
    """Rows of PIPELINE_RUNS."""
    return frame_of(PIPELINE_RUNS, rows)


def results(*shares: tuple[int, int], expectation: str = "amount_positive", **facts: Any) -> pl.DataFrame:
    """Rows of EXPECTATION_RESULTS: an export for each (failed, records), judged one after another and published."""
    usual: dict[str, Any] = {
        "run_id": "r1",
        "table_name": SILVER,
        "kind": "expect_or_drop",
        "is_published": True,
        "expectation": expectation,
        "judged_at": NOW,
        **facts,
    }
    rows = [
        ExpectationResult(**{"export_id": f"{number:04}", "passed": records - failed, "failed": failed, **usual})
        for number, (failed, records) in enumerate(shares)
    ]
    return frame_of(EXPECTATION_RESULTS, rows)

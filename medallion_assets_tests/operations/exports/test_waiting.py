"""Batches that wait are told: for a window after an hour, for a run or a person after a day, however long it lasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from medallion_assets.delta.notes.commit_notes import committed_at
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.needs import needs_of
from medallion_assets.operations.status import read_status
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.refining.bronze import bronze_table
from medallion_assets_tests.operations.planted import SILVER
from medallion_assets_tests.operations.small_lakehouse import AT, DAY
from medallion_assets_tests.oracle.lines import window
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.pipeline import land, run_silver

pytestmark = pytest.mark.flow

HOUR = timedelta(hours=1)


def test_a_window_that_is_missing_is_a_problem_after_an_hour(lakehouse: Lakehouse) -> None:
    late = [f"01746316800000-0000000{letter}" for letter in "cd"]
    for export_id, days in zip(late, (3, 4), strict=True):
        land(lakehouse, window(TRANSACTIONS, export_id, AT + days * DAY, AT + (days + 1) * DAY, []))
    run_silver(lakehouse)

    def told(now: datetime) -> list[str]:
        return [problem for problem in read_status(lakehouse, now).problems if "waits" in problem]

    ended_at = AT + 4 * DAY
    assert told(ended_at + HOUR - timedelta(seconds=1)) == []
    (problem,) = told(ended_at + HOUR)
    assert problem.startswith(f"silver.customer_transactions: export {late[0]} waits: nothing covers 2025-05-02T00:00")


def test_a_batch_that_nobody_settles_is_a_problem_after_a_day(lakehouse: Lakehouse) -> None:
    """By the ledger, which forgets nothing; where the last attempt says why it is told once."""
    land(lakehouse, window(TRANSACTIONS, "01746230400000-0000000c", AT + DAY, AT + 2 * DAY, []))
    land(lakehouse, window(TRANSACTIONS, "01746230400000-0000000d", AT + 2 * DAY, AT + 3 * DAY, []))
    since = committed_at(lakehouse.open(bronze_table(TRANSACTIONS)))

    def told(now: datetime) -> list[str]:
        problems = read_status(lakehouse, now).problems
        return [problem for problem in problems if "waited" in problem or "last attempt" in problem]

    assert told(since + DAY - HOUR) == []
    (problem,) = told(since + 100 * DAY)
    assert problem.startswith("silver.customer_transactions: export 01746230400000-0000000c has waited to be published")
    assert problem.endswith("and 1 more; what to do: run the table; if the gate stops it, accept or reject it")
    (need,) = [need for need in needs_of(read_facts(lakehouse, since + 100 * DAY)) if "waited" in need.what]
    assert (need.where, str(need.command).rpartition(" ")[2]) == (
        SILVER,
        SILVER.replace(".", "/"),
    )
    failed = StageAttempt(
        run_id="r1", stage=SILVER, attempt=1, started_at=since, duration_seconds=3.0, outcome=Outcome.FAILED
    )
    record_attempts(lakehouse, [failed])
    assert [problem.partition(" (")[0] for problem in told(since + 2 * DAY)] == [
        "silver.customer_transactions: its last attempt"
    ]
    run_silver(lakehouse)
    record_attempts(lakehouse, [replace(failed, started_at=since + HOUR, outcome=Outcome.SUCCEEDED)])
    assert told(since + 2 * DAY) == []

"""What a run can ask about other runs (rule P6); audits themselves are tested with the sensors that ask for them."""

from __future__ import annotations

import dagster as dg
import pytest

from medallion_assets.orchestration.audits import other_runs
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE


def a_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    """A run that builds daily sales."""
    selected = frozenset({asset_key(DAILY_SALES.table)})
    return instance.add_run(dg.DagsterRun(job_name="daily", asset_selection=selected, status=status))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (dg.DagsterRunStatus.NOT_STARTED, False),
        (dg.DagsterRunStatus.STARTING, True),
        (dg.DagsterRunStatus.STARTED, True),
        (dg.DagsterRunStatus.FAILURE, False),
    ],
)
def test_a_run_that_has_begun_builds_its_tables(
    dagster_instance: dg.DagsterInstance, status: dg.DagsterRunStatus, expected: bool
) -> None:
    """One that is queued may wait for the place of the run that asks."""
    run = a_run(dagster_instance, status)
    assert other_runs(dagster_instance).build([DAILY_SALES.table]) is expected
    assert not other_runs(dagster_instance).build([LIFETIME_VALUE.table])
    assert not other_runs(dagster_instance, run).build([DAILY_SALES.table]), "nobody waits for oneself"

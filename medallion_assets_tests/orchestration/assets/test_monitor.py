"""The monitor's assets: what they keep, and what they tell in Dagster."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.operations.freshness.checkpoint import read_checkpoints
from medallion_assets.operations.tables.monitoring import DATA_FRESHNESS, MONITORING_TABLES, PIPELINE_CHECKPOINT
from medallion_assets.operations.tables.pipeline_runs import (
    PIPELINE_RUNS,
    read_attempts,
)
from medallion_assets.orchestration.assets.monitor import operations_assets
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.settings.schedules import MONITOR
from medallion_assets_tests.graph import Graph, Run
from medallion_assets_tests.pipeline import PUBLISHED_TABLES

OWN = tuple(table.path for table in (PIPELINE_RUNS, *MONITORING_TABLES))


def monitor(graph: Graph) -> Run:
    return graph.run(*OWN)


def held(graph: Graph, table: Table) -> dict[str, dict[str, object]]:
    rows = graph.lakehouse.open(table).scan().collect().to_dicts()
    return {row[table.key[-1]]: row for row in rows}


def test_the_monitor_keeps_how_far_and_how_fresh(refined: Graph) -> None:
    assert monitor(refined).success
    checkpoints = held(refined, PIPELINE_CHECKPOINT)
    assert set(checkpoints) == {checkpoint.stage for checkpoint in read_checkpoints(refined.lakehouse)}
    silver = checkpoints["silver.customers"]
    assert (silver["pipeline"], silver["waiting"], silver["told_by"]) == ("refine", 0, "log")
    assert str(silver["watermark"]).startswith("bronze.customers@")
    fresh = held(refined, DATA_FRESHNESS)
    assert fresh["gold.customer_ltv"]["sla_hours"] == 26
    assert fresh["silver.customers"]["row_count"]


@pytest.mark.slow
def test_it_leaves_no_trace_of_itself(refined: Graph) -> None:
    """No rows about the monitor, and no commits without news."""
    before = read_attempts(refined.lakehouse).height
    runs = [monitor(refined) for _ in range(2)]
    versions = [run.figures("operations/pipeline_checkpoint")["table_version"] for run in runs]
    assert versions[0] == versions[1]
    assert read_attempts(refined.lakehouse).height == before


def test_a_stale_table_is_a_warning(refined: Graph) -> None:
    """The check names it; the run goes on. What samples reach counts as now, and Gold was never made."""
    assert monitor(refined).checks["operations/data_freshness", "nothing_is_stale"].passed
    later = datetime.now(UTC) + timedelta(hours=27)
    run = monitor(replace(refined, clock=lambda: later))
    check = run.checks["operations/data_freshness", "nothing_is_stale"]
    assert (run.success, check.passed, check.severity) == (True, False, dg.AssetCheckSeverity.WARN)
    never_made = [table.name for gold, serving in PUBLISHED_TABLES for table in (gold, serving)]
    assert sorted(check.metadata["stale"].value) == sorted(never_made)
    rows = held(refined, DATA_FRESHNESS)
    assert rows["silver.customers"]["measured_at"] == rows["bronze.customers"]["covered_until"] < later


def test_lost_attempts_get_their_rows(graph: Graph) -> None:
    """A run was killed at work, and no sensor was there to see it."""
    run = graph.instance.create_run_for_job(graph.definitions.resolve_job_def("refine"))
    graph.instance.report_run_failed(run, "its process is gone")
    began = dg.DagsterEvent(dg.DagsterEventType.STEP_START.value, run.job_name, step_key="silver__customers")
    graph.instance.report_dagster_event(began, run_id=run.run_id)
    assert monitor(graph).success
    rows = {row["run_id"]: row for row in read_attempts(graph.lakehouse).to_dicts()}
    assert (rows[run.run_id]["outcome"], rows[run.run_id]["stage"]) == ("lost", "silver.customers")


def test_one_job_renews_all_of_them(graph: Graph) -> None:
    job = graph.definitions.resolve_job_def(MONITOR)
    keys = job.asset_layer.executable_asset_keys
    assert {asset_key(PIPELINE_RUNS), *(asset_key(table) for table in MONITORING_TABLES)} <= keys
    assert {definition.key for definition in operations_assets()} <= keys

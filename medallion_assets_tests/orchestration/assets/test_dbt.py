"""dbt models in Dagster: assets that are materialized once they are published, and a check for each test."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.contracts.moments import end_of_business_day, last_business_day
from medallion_assets.definitions import build_defs
from medallion_assets.delta.notes.commit_notes import last_commit, noted_days
from medallion_assets.delta.notes.coverage_notes import PROVISIONAL
from medallion_assets.delta.row_tables.releases import latest_release
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.built import Build, Node
from medallion_assets.deriving.dbt.project import Call
from medallion_assets.deriving.dbt.refresh import Refreshed
from medallion_assets.deriving.dbt.specs import read_specs
from medallion_assets.operations.freshness.freshness import read_freshness
from medallion_assets.operations.status import read_status
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.orchestration.assets.dbt import verdicts
from medallion_assets.orchestration.assets.fresh_checks import IS_FRESH
from medallion_assets.orchestration.reporting import step_retries
from medallion_assets.orchestration.runs.run_limits import RUN_MARGIN_SECONDS
from medallion_assets.orchestration.sensors.completed import completed_sensors
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.settings import load_settings
from medallion_assets.settings.environment import inherited_environment
from medallion_assets_tests.deriving.dbt.planting import plant, plant_shop
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.runs.ringing import ring_now
from medallion_assets_tests.orchestration.sensors.sensing import Sensing

MODELS = tuple(table.path for table in STAR.models)
pytestmark = pytest.mark.xdist_group("dbt")  # importing dbt takes seconds


@pytest.fixture
def graph(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Graph:
    """The graph of the star schema over an empty home."""
    return Graph(load_settings({"MEDALLION_HOME": str(tmp_path)}), dagster_instance, (STAR_SCHEMA,))


def test_each_model_is_an_asset_and_each_test_a_check(graph: Graph) -> None:
    assets = graph.definitions.resolve_asset_graph()
    facts = assets.get(dg.AssetKey(["gold", "fct_order_line"]))
    parents = {key.to_user_string() for key in facts.parent_keys}
    assert parents == {"gold/dim_customer", "gold/dim_product", "silver/orders", "silver/order_lines"}
    assert facts.kinds == {"dbt", "deltalake", "gold"}
    assert facts.owners == ["team:data-platform"]
    lineage = facts.metadata["dagster/column_lineage"].deps_by_column["net_amount"]
    assert {dep.column_name for dep in lineage} == {"quantity", "unit_price", "discount"}
    (sql,) = facts.metadata["dagster/code_references"].code_references
    assert Path(sql.file_path).is_file()
    checks = {(key.asset_key.to_user_string(), key.name) for key in assets.asset_check_keys}
    tests = {(f"gold/{test.model}", test.name) for test in read_specs(STAR.project).tests}
    assert tests <= checks
    assert {name for asset, name in checks if asset in MODELS} - {IS_FRESH} == {name for _, name in tests}


def test_the_refresh_is_one_job_by_the_clock(graph: Graph) -> None:
    repository = graph.definitions.get_repository_def()
    job = repository.get_job("medallion_daily_refresh")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} >= {*MODELS, "bronze/orders"}
    assert job.tags["dagster/max_runtime"] == "14400"
    assert repository.get_job("medallion_dbt").tags["dagster/max_runtime"] == str(
        STAR.limits.time_limit_seconds + RUN_MARGIN_SECONDS
    )
    schedule = repository.get_schedule_def("medallion_daily_refresh_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == (["0 3 * * *"], "UTC")
    tick = schedule.evaluate_tick(
        dg.build_schedule_context(scheduled_execution_time=datetime(2025, 6, 1, 3, tzinfo=UTC))
    )
    (request,) = tick.run_requests or ()
    assert request.tags["dagster/max_runtime"] == "14400"
    assert "gold__mart_revenue" in request.run_config["ops"]
    assert "gold__dim_customer" not in request.run_config["ops"]


@pytest.mark.parametrize(("retry", "minutes"), [(0, 5), (1, 10), (2, 20)])
def test_loading_is_tried_again_after_5_10_and_20_minutes(retry: int, minutes: int) -> None:
    limits = STAR_SCHEMA.loaded[0].loading_limits
    assert limits.retries == 3
    wait = limits.first_retry_seconds or 0
    with pytest.raises(dg.RetryRequested) as asked, step_retries(limits, attempt=retry + 1, first_wait_seconds=wait):
        raise ConnectionError
    assert asked.value.seconds_to_wait == pytest.approx(minutes * 60, rel=0.2)


def test_settings_give_the_refresh_another_time(tmp_path: Path) -> None:
    """And dbt alone a time of its own."""
    lines = '{"medallion_daily_refresh": "0 5 * * *", "medallion_dbt": "30 3 * * *"}'
    settings = load_settings(
        {"MEDALLION_HOME": str(tmp_path), "MEDALLION_SCHEDULES": lines, "MEDALLION_TIME_ZONE": "UTC"}
    )
    repository = build_defs(settings, (STAR_SCHEMA,)).get_repository_def()
    assert repository.get_schedule_def("medallion_daily_refresh_schedule").cron_schedule == ["0 5 * * *"]
    assert repository.get_schedule_def("medallion_dbt_schedule").cron_schedule == ["30 3 * * *"]


@pytest.mark.slow
def test_loading_definitions_imports_neither_dbt_nor_duckdb() -> None:
    """It takes seconds, and every process of Dagster loads the definitions."""
    heavy = {"dbt", "duckdb", "sqlglot", "dagster_dbt"}
    code = (
        "import sys, medallion_assets.definitions as loaded; "
        f"print(len(loaded.defs.resolve_asset_graph().asset_check_keys), sorted({heavy} & sys.modules.keys()))"
    )
    named = {"MEDALLION_PIPELINES": "medallion_assets.pipelines.star_schema.pipeline:STAR_SCHEMA"}
    environment = inherited_environment() | named
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.endswith(" []\n"), done.stdout + done.stderr


def test_a_warning_of_dbt_stops_nothing_and_says_how_many_rows() -> None:
    """Order lines that are no facts (rule D6), and a test that fails from so many rows on (`error_if`)."""
    found = {"lines_have_orders": "warn", "mart_equals_facts": "warn", "no_product_is_lost": "fail"}
    nodes = tuple(Node(name=name, kind="test", status=status, failures=3) for name, status in found.items())
    done = Refreshed(build=Build(nodes=nodes), release=None, written={}, versions={})
    said = {check.check_name: check for check in verdicts(STAR, read_specs(STAR.project).tests, done)}
    assert {name: str(check.severity.value) for name, check in said.items()} == {
        "lines_have_orders": "WARN",
        "mart_equals_facts": "WARN",
        "no_product_is_lost": "ERROR",
    }
    lines = said["lines_have_orders"]
    assert lines.asset_key == dg.AssetKey(["gold", "fct_order_line"])
    assert (lines.metadata["rows_at_fault"].value, lines.metadata["months"].value) == (3, "all")


@pytest.mark.slow
def test_models_are_materialized_once_they_are_published(graph: Graph) -> None:
    lake = graph.lakehouse
    plant_shop(lake)
    first, second = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    plant(lake, CRM_CUSTOMERS, {"valid_from": first}, {"valid_from": second})  # two current versions
    failed = graph.run(*MODELS)

    assert not failed.success
    assert failed.failure.startswith("tests of models failed: no_overlapping_validity, one_current_version")
    assert failed.retries == 0
    assert failed.materializations == {}
    assert {name for _, name in failed.failed_checks} == {"no_overlapping_validity", "one_current_version"}
    assert failed.checks["gold/dim_product", "products_key_is_unique"].passed
    assert ("gold/mart_revenue", "mart_equals_facts") not in failed.checks  # what it reads was not made
    (attempt,) = read_attempts(lake).to_dicts()
    assert (attempt["stage"], attempt["outcome"]) == ("gold.mart_revenue", "failed")
    assert attempt["error_kind"].startswith("ModelTestsError: tests of models failed")

    plant(lake, CRM_CUSTOMERS, {"valid_from": first})
    done = graph.run(*MODELS)
    assert done.success
    assert done.failed_checks == set()
    assert set(done.materializations) == set(MODELS)
    checks = {key for key in done.checks if key[1] != IS_FRESH}
    assert checks == {(f"gold/{test.model}", test.name) for test in read_specs(STAR.project).tests}
    assert done.figures("gold/fct_order_line")["rows_out"] == 1
    rows = read_attempts(lake).filter(outcome="succeeded")
    assert set(rows["stage"]) == {table.name for table in STAR.models}
    _expect_well(lake)


@pytest.mark.slow
def test_a_release_says_whether_the_last_day_is_complete(graph: Graph) -> None:
    """V6: so do the commits and runs of its models; where nobody says how far the sources reach, nothing does."""
    lake, now = graph.lakehouse, datetime.now(UTC)
    last = last_business_day(now)
    said = []
    for covered in (UNKNOWN, Coverage(end_of_business_day(last - timedelta(days=1))), Coverage(now)):
        plant_shop(lake, covered=covered)
        run = graph.run(*MODELS)
        release = latest_release(lake, STAR.name, MART_REVENUE)
        assert release is not None
        assert release.covered_until == covered.until
        commit = last_commit(lake.open(MART_REVENUE), PROVISIONAL)
        assert commit is not None
        assert [str(day) for day in noted_days(commit, PROVISIONAL) or ()] == run.figures(MODELS[0])["provisional_days"]
        rows = read_attempts(lake).filter(run_id=run.result.run_id)
        assert rows["is_complete"].to_list() == [release.is_complete] * len(MODELS)
        said.append((release.is_complete, run.figures(MODELS[-1])["provisional_days"]))
    assert said == [(None, []), (False, [str(last)]), (True, [])]


@pytest.mark.slow
def test_a_release_is_completed_by_one_build_once_its_day_is_covered(graph: Graph) -> None:
    """V6: although no row has changed since."""
    lake, now = graph.lakehouse, datetime.now(UTC)
    end = end_of_business_day(last_business_day(now))
    (made,) = completed_sensors(graph.settings, STAR_SCHEMA)
    sensor = Sensing(graph, made)
    plant_shop(lake, covered=Coverage(end - timedelta(seconds=1)))
    assert graph.run(*MODELS).success
    assert sensor.tick(0) is None
    plant_shop(lake, covered=Coverage(now))
    request = sensor.tick(60)
    assert request is not None
    done = sensor.run(request)
    assert done.success
    release = latest_release(lake, STAR.name, MART_REVENUE)
    assert release is not None
    assert (release.run_id, release.is_complete) == (done.result.run_id, True)
    assert str(done.figures(MODELS[-1])["trigger"]).startswith("table_update: silver.")
    assert sensor.tick(4000) is None


@pytest.mark.slow
def test_a_release_says_once_how_old_its_newest_export_is(graph: Graph) -> None:
    """V5: the first release says nothing; the next in the row of the last model, whose step it is."""
    lake = graph.lakehouse
    for day in (1, 2):
        plant_shop(lake, covered=Coverage(datetime(2025, 2, day, tzinfo=UTC)))
        assert graph.run(*MODELS).success
    ages = read_attempts(lake).drop_nulls("export_age_seconds")
    (row,) = ages.to_dicts()
    assert (row["stage"], row["covered_until"]) == ("gold.mart_revenue", datetime(2025, 2, 2, tzinfo=UTC))
    at_least = (row["started_at"] - row["covered_until"]).total_seconds()
    assert at_least < row["export_age_seconds"] <= at_least + row["duration_seconds"]


@pytest.mark.slow
def test_a_build_that_takes_too_long_is_interrupted_and_publishes_nothing(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While dbt builds the first model, in threads of its own."""
    plant_shop(graph.lakehouse)
    tell, built = Call._tell, threading.Event()

    def ring(call: Call, event: Any) -> None:
        if event.info.name == "LogModelResult" and not built.is_set():
            built.set()
            ring_now(STAR.limits)
        tell(call, event)

    with monkeypatch.context() as patched:
        patched.setattr(Call, "_tell", ring)
        ended = graph.run(*MODELS)
    assert ended.failure.startswith("gold.mart_revenue: took longer than its time limit")
    assert (ended.retries, ended.materializations) == (0, {})
    (attempt,) = read_attempts(graph.lakehouse).to_dicts()
    assert (attempt["outcome"], attempt["error_kind"]) == ("timed out", "time limit")
    assert graph.run(*MODELS).success


def _expect_well(lake: Lakehouse) -> None:
    """Freshness, status and verify know the models as they know every Gold table."""
    now = datetime.now(UTC)
    known = {row.table: row for row in read_freshness(lake, now)}
    assert all(known[table.name].last_refreshed is not None for table in STAR.models)
    checkpoints = {checkpoint.stage: checkpoint for checkpoint in read_status(lake, now).checkpoints}
    assert f"silver.orders@{lake.open(ORDERS).version}" in str(checkpoints["gold.mart_revenue"].watermark)
    assert not [finding for finding in verify(lake, digests=True).findings if finding.table.startswith("gold.")]

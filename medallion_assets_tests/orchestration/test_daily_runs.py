"""Requests and backfills as Dagster carries them out: one run for all days of a Gold table and what serves it."""

from __future__ import annotations

import logging
import time
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copytree

import dagster as dg
import pytest
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.backfill import execute_backfill_iteration
from moto import mock_aws

from medallion_assets.contracts.run_days import RANGE_END, RANGE_START, days_in
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.jobs import LIVE_PRIORITY
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.requests import days_request
from medallion_assets.orchestration.schedules import SCHEDULED
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.graph import GOLD, STORY_DAYS, Graph, Run, graph_at
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.sensors.restated_days import Follower, assets_of
from medallion_assets_tests.pipeline import PUBLISHED_TABLES

FIRST, LAST = STORY_DAYS


def execute(graph: Graph, request: dg.RunRequest) -> Run:
    """Carry out a request in this process."""
    job = graph.definitions.resolve_job_def(DAILY)
    return Run(
        job.execute_in_process(
            instance=graph.instance,
            run_config=request.run_config,
            tags=dict(request.tags),
            asset_selection=list(request.asset_selection or ()),
            raise_on_error=False,
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "last"), [pytest.param(LAST, LAST, marks=pytest.mark.slow), (date(2025, 1, 10), date(2025, 1, 12))]
)
def test_one_run_builds_and_publishes_exactly_the_days(refined: Graph, first: date, last: date) -> None:
    """A single day goes the same way as several."""
    assert refined.run(*GOLD, first=first, last=last).success  # readers get both tables' days together
    for pair in PUBLISHED_TABLES:
        request = days_request(TRANSACTIONS, pair, days_in([(first, last)]), trigger=SCHEDULED, key="k")
        run = execute(refined, request)
        days = {str(date.fromordinal(number)) for number in range(first.toordinal(), last.toordinal() + 1)}
        assert run.success
        assert run.started == set(assets_of(request))
        assert [run.partitions(asset) for asset in assets_of(request)] == [days, days]
        assert run.figures(assets_of(request)[0])["trigger"] == "schedule"


@pytest.mark.slow
def test_one_run_takes_scattered_days_and_no_other(refined: Graph) -> None:
    """Dagster knows each of them as made, in the one run, and none of those between."""
    days = [date(2025, 1, 3), date(2025, 1, 9), date(2025, 1, 10)]
    audited = days_request(TRANSACTIONS, PUBLISHED_TABLES[1][:1], days, trigger=SCHEDULED, key="audited")
    assert execute(refined, audited).success  # readers get both tables' days together
    for pair in PUBLISHED_TABLES:
        request = days_request(TRANSACTIONS, pair, days, trigger=SCHEDULED, key="k")
        run = execute(refined, request)
        assert run.success
        for table in pair:
            assert refined.instance.get_materialized_partitions(asset_key(table)) == set(map(str, days))
    assert set(refined.lakehouse.open(DAILY_SALES_SUMMARY).partitions) == set(days)
    told = read_attempts(refined.lakehouse)["partition"].drop_nulls().unique().to_list()
    assert told == ["2025-01-03, 2025-01-09...2025-01-10"]


@pytest.mark.slow
def test_what_the_sensors_ask_for_is_built_published_and_then_enough(refined_home: Path, tmp_path: Path) -> None:
    """The whole way through Dagster: its event log tells the sensors what was published."""
    copytree(refined_home, tmp_path / "home")
    with mock_aws(), dg.DagsterInstance.ephemeral() as instance:
        graph = graph_at(tmp_path / "home", instance)
        follower, now = Follower(graph.settings, instance), datetime(2025, 6, 1, tzinfo=UTC)
        for gold, _ in PUBLISHED_TABLES:
            (request,) = follower.tick(gold, now=now)
            assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (str(FIRST), str(LAST))
            assert execute(graph, request).success
            assert follower.tick(gold, now=now) == []
            follower.cursors.clear()
            assert follower.tick(gold, now=now) == []


@pytest.mark.slow
def test_gold_that_is_there_and_was_audited_is_published_alone(refined_home: Path, tmp_path: Path) -> None:
    """As when DynamoDB was down: Gold is not built a second time."""
    copytree(refined_home, tmp_path / "home")
    with mock_aws(), dg.DagsterInstance.ephemeral() as instance:
        graph = graph_at(tmp_path / "home", instance)
        assert graph.run(*GOLD, first=FIRST, last=LAST).success
        (request,) = Follower(graph.settings, instance).tick(DAILY_SALES_SUMMARY)
        assert assets_of(request) == ["serving/daily_sales_metrics"]
        assert execute(graph, request).partitions("serving/daily_sales_metrics") >= {str(FIRST), str(LAST)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:dagster")  # of its own, as it describes schedules
@pytest.mark.parametrize(
    "pair", first_quick(*([f"{table.layer}/{table.short_name}" for table in pair] for pair in PUBLISHED_TABLES))
)
def test_a_backfill_of_many_days_is_one_run_after_live_work(pair: list[str]) -> None:
    """As the UI starts it: an asset backfill, handed out by Dagster's daemon."""
    module = LoadableTargetOrigin(module_name="medallion_assets.definitions", attribute="defs")
    target = InProcessTestWorkspaceLoadTarget(InProcessCodeLocationOrigin(module, location_name="medallion_assets"))
    launcher = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}
    with (
        instance_on_disk({"run_launcher": launcher}) as instance,
        WorkspaceProcessContext(instance, target) as workspace,
    ):
        backfill = PartitionBackfill.from_asset_partitions(
            backfill_id="many",
            asset_graph=workspace.create_request_context().asset_graph,
            partition_names=[f"2025-03-{day:02}" for day in range(1, 32)],
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in pair],
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        instance.add_backfill(backfill)
        assert list(filter(None, execute_backfill_iteration(workspace, logging.getLogger("backfill")))) == []
        (run,) = instance.get_runs()
    assert {key.to_user_string() for key in run.asset_selection or ()} == set(pair)
    assert (run.tags[RANGE_START], run.tags[RANGE_END]) == ("2025-03-01", "2025-03-31")
    assert int(run.tags.get("dagster/priority", "0")) < LIVE_PRIORITY

"""Dagster's queue with the limits of deploy/: a new export is next, whatever waits and whatever is at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from medallion_assets.orchestration.jobs import CATCH_UP_PRIORITY, REFINE
from medallion_assets.orchestration.requests import days_request, request
from medallion_assets.orchestration.schedules import SCHEDULED
from medallion_assets.orchestration.trigger_context import TriggerContext
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.pipeline import PUBLISHED_TABLES

ROOT = Path(__file__).parents[2]
SALES = PUBLISHED_TABLES[0]
EXPORT = request(
    TRANSACTIONS, REFINE, [CUSTOMERS], TriggerContext(trigger="file_arrival"), of=CUSTOMERS, run_key="k"
).tags
OLD = days_request(TRANSACTIONS, SALES, [date(2025, 1, 1)], trigger=SCHEDULED, key="k", catches_up=True).tags
LIVE = days_request(TRANSACTIONS, SALES, [date(2025, 1, 1)], trigger=SCHEDULED, key="k").tags
BACKFILL = {"dagster/backfill": "abcdefgh"}


@pytest.fixture(params=["dagster.yaml", "dagster.dev.yaml"])
def instance(request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    """An instance with the limits that the deployment has."""
    settings = yaml.safe_load((ROOT / "deploy" / request.param).read_text())
    with instance_on_disk({"concurrency": settings["concurrency"]}) as instance:
        yield instance


def add(instance: dg.DagsterInstance, tags: Mapping[str, str], status: dg.DagsterRunStatus) -> str:
    module = LoadableTargetOrigin(module_name="medallion_assets.definitions", attribute="defs")
    location = InProcessCodeLocationOrigin(module, location_name="medallion_assets")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), DAILY)
    run = dg.DagsterRun(job_name=DAILY, tags=dict(tags), status=status, remote_job_origin=origin)
    return instance.add_run(run).run_id


def next_of(instance: dg.DagsterInstance) -> list[str]:
    """The runs that the daemon would start now."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
    return [run.run_id for run in daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)]


def test_a_new_export_goes_before_all_that_waits(instance: dg.DagsterInstance) -> None:
    """Also before more runs than one page of the queue holds."""
    for _ in range(120):
        add(instance, OLD, dg.DagsterRunStatus.QUEUED)
    live = add(instance, LIVE | {"dagster/priority": "8"}, dg.DagsterRunStatus.QUEUED)
    export = add(instance, EXPORT, dg.DagsterRunStatus.QUEUED)
    found = next_of(instance)
    assert found[:2] == [export, live]
    assert len(found) == 3


def test_what_catches_up_leaves_a_place_for_a_new_export(instance: dg.DagsterInstance) -> None:
    """However much of it waits: the export that comes then starts at once."""
    for tags in (OLD, BACKFILL):
        add(instance, tags, dg.DagsterRunStatus.STARTED)
        for _ in range(10):
            add(instance, tags, dg.DagsterRunStatus.QUEUED)
    assert next_of(instance) == []
    export = add(instance, EXPORT, dg.DagsterRunStatus.QUEUED)
    assert next_of(instance) == [export]


def test_what_catches_up_is_not_left_for_ever(instance: dg.DagsterInstance) -> None:
    """One of each goes on beside the exports that keep coming."""
    old, backfill = (add(instance, tags, dg.DagsterRunStatus.QUEUED) for tags in (OLD, BACKFILL))
    for _ in range(2):
        add(instance, EXPORT, dg.DagsterRunStatus.STARTED)
    assert next_of(instance) == [old]
    add(instance, OLD, dg.DagsterRunStatus.STARTED)
    assert backfill not in next_of(instance)  # three are at work
    assert int(OLD["dagster/priority"]) == CATCH_UP_PRIORITY

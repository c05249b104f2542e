"""Fixtures of the whole suite, and the marks that its tests get.

Real services are in services.fixtures, which says what becomes of tests whose service is not installed.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from medallion_assets.delta.table import Lakehouse
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.scenario import check_ledger, dump, run
from medallion_assets_tests.operations.small_lakehouse import make_lakehouse
from medallion_assets_tests.pipeline import ENGINES, lakehouse_at
from medallion_assets_tests.properties.examples import QUICK
from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.read_once import read_once
from medallion_assets_tests.services import dynamodb_local as local
from medallion_assets_tests.services.names import FIXTURES, SERVICES, required
from medallion_assets_tests.services.serving_tables import ServingTables, make_serving_tables

if TYPE_CHECKING:  # Dagster takes seconds to import, which only some tests need
    import dagster as dg
    from mypy_boto3_dynamodb.client import DynamoDBClient

    from medallion_assets_tests.graph import Graph

pytest_plugins = ["medallion_assets_tests.services.fixtures"]

# How long an example takes says nothing about the code where other tests run beside it.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
settings.register_profile(QUICK, settings.get_profile("busy machine"))

SLOW = ("end_to_end", "simulation", "failures")
"""Folders all of whose tests live through a deployment, through a week, or through every kind of failure."""

SLOW_FIXTURES = ("lived",)
"""Fixtures that live through a week: whatever looks at one is slow."""

ENDED_SECONDS = 20.0
"""A worker that closed its connection has ended by then."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for the processes that they start, and for services."""
    said = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(said) if said else cores + 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", default="polars", choices=ENGINES, help="of lakehouses of which no test says it")


def pytest_configure(config: pytest.Config) -> None:
    required()  # misspelt, it would let everything be skipped
    pipeline.ENGINE = config.getoption("--engine")
    for name, service in SERVICES.items():
        config.addinivalue_line("markers", f"{name}: runs against {service}")
    config.addinivalue_line("markers", "service: runs against any of these")
    config.addinivalue_line("markers", "flow: takes exports through several rooms; not for `make test-unit`")
    config.addinivalue_line("markers", "own_engine: of one kind of engine, or of its own; not for `make test-spark`")
    config.addinivalue_line("markers", "slow: takes long by its kind; `make test` leaves it to `make test-all` and CI")
    # A script's background jobs ignore SIGINT. Dagster makes SIGTERM what SIGINT is, and never takes that back: every
    # process that a test starts would then ignore SIGTERM.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of the same name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a service or takes long, so that `-m "not slow and not s3"` leaves it out.

    What is quick and uses DynamoDB Local goes to one worker: a second Java costs more than all of these tests.
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if set(SLOW) & set(item.path.parts) or set(SLOW_FIXTURES) & set(fixtures):
            item.add_marker("slow")
        for service in SERVICES:
            if FIXTURES.get(service, service) in fixtures or (service == "spark" and "spark_elsewhere" in fixtures):
                item.add_marker(service)
                item.add_marker("service")
        if (
            "spark" in item.keywords or pipeline.ENGINE == "spark"
        ):  # one session for all; pyspark leaves sockets to the collector of garbage
            item.add_marker(pytest.mark.xdist_group("spark"))
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
        if "dynamodb_local" in item.keywords and not {"slow", "xdist_group"} & set(item.keywords):
            item.add_marker(pytest.mark.xdist_group("dynamodb_local"))


def pytest_collection_finish() -> None:
    read_once()
    gc.collect()
    gc.freeze()  # what was imported stays: no later collection has to go through it
    gc.set_threshold(20_000, 20, 50)  # runs of Dagster make much and leave few circles: looking for them took a tenth


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Say how a worker died: xdist says only that it did, and a signal's number tells a crash from a kill."""
    if error:
        try:
            code = node.gateway._io.popen.wait(ENDED_SECONDS)
        except subprocess.TimeoutExpired:
            how = "is still there"
        else:
            how = f"ended with signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with code {code}"
        node.config.get_terminal_writer().line(f"\n[{node.gateway.id}] {how}")


@pytest.fixture(params=["moto", pytest.param("dynamodb_local", marks=pytest.mark.dynamodb_local)])
def serving(request: pytest.FixtureRequest) -> Iterator[ServingTables]:
    """Empty serving tables in moto, and once more in DynamoDB Local."""
    if request.param == "dynamodb_local":
        yield make_serving_tables(request.getfixturevalue("dynamodb_local").client)
        return
    with mock_aws():
        yield make_serving_tables(publishing_client(region_name="us-east-1"))


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    """An account's DynamoDB (moto), which is AWS to boto3; it has no tables."""
    with mock_aws():
        yield publishing_client(region_name="us-east-1")


@pytest.fixture
def real_serving(dynamodb_local: local.DynamoDBLocal) -> ServingTables:
    """Empty serving tables in DynamoDB Local only, for what moto gets wrong: races and capacity."""
    return make_serving_tables(dynamodb_local.client)


@pytest.fixture
def empty_lakehouse(tmp_path: Path) -> Lakehouse:
    """A lakehouse without tables."""
    return lakehouse_at(tmp_path / "lakehouse")


@pytest.fixture
def lakehouse(empty_lakehouse: Lakehouse) -> Lakehouse:
    """The same; in rooms that look at what others made, one with tables."""
    return empty_lakehouse


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small lakehouse, refined, sound, with one row in quarantine for its currency; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("sound") / "lakehouse"
    make_lakehouse(folder)
    return folder


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """What every table holds after one run of the scenario of faults in peace."""
    lakehouse = lakehouse_at(tmp_path_factory.mktemp("undisturbed"))
    run(lakehouse)
    check_ledger(lakehouse)
    return dump(lakehouse)


@pytest.fixture
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory of a test's own: sensors look at the runs that they find there."""
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def graph(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Iterator[Graph]:
    """The asset graph over an empty home, with a DynamoDB of its own (moto)."""
    from medallion_assets_tests.graph import graph_at

    with mock_aws():
        yield graph_at(tmp_path / "home", dagster_instance)


@pytest.fixture(scope="session")
def refined_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the small history of samples is loaded, judged and enriched; to be copied, not changed."""
    import dagster as dg

    from medallion_assets.pipelines.transactions.samples.history import write_demo_history
    from medallion_assets_tests.graph import BRONZE, SILVER, STORY, graph_at

    home = tmp_path_factory.mktemp("refined") / "home"
    with dg.DagsterInstance.ephemeral() as instance:
        graph = graph_at(home, instance)
        write_demo_history(graph.settings.raw_url, **STORY)
        assert graph.run(*BRONZE, *SILVER).success
    return home


@pytest.fixture
def refined(graph: Graph, refined_home: Path) -> Graph:
    """The asset graph over a copy of that home: Bronze and Silver are there, Gold and serving are not."""
    shutil.copytree(refined_home, graph.settings.home)
    return graph


@pytest.fixture
def limiter() -> CapacityLimiter:
    """A budget of 500 WCU on a clock that moves by itself: nobody waits."""
    clock = FakeClock()
    return CapacityLimiter(500, clock=clock, sleep=clock.sleep, random=Random(7))

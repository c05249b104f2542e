"""A stage that works elsewhere ends at its time limit: as timed out, and nothing of it works on or lies about."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.remote import commands
from medallion_assets.orchestration.runs.processes import wait_while
from medallion_assets_tests.compute.job_servers import job_server
from medallion_assets_tests.graph import Graph, Run
from medallion_assets_tests.orchestration.judged_exports import TRANSACTIONS, base, land
from medallion_assets_tests.orchestration.remote.remote_graph import (
    program,
    remote_graph,
    service_settings,
    settings_of,
)
from medallion_assets_tests.orchestration.remote.test_ends import WAITS, attempts_of, dagster, opened, root_of
from medallion_assets_tests.services.waiting import wait_until

HEARS = "signal.signal(signal.SIGINT, lambda *_: open(os.environ['HEARD'], 'w').close())"
"""A process that notes that it is told to end, and works on."""


@pytest.fixture
def planted(tmp_path: Path, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(compute: dict[str, Any], url: str = "") -> Graph:
        environment = {"GO_ON": str(tmp_path / "go_on"), "HEARD": str(tmp_path / "heard")}
        for name, value in {**settings_of(tmp_path, compute, url=url), **environment}.items():
            monkeypatch.setenv(name, value)
        graph = remote_graph(tmp_path, dagster_instance, compute, url=url)
        land(graph, base())
        return graph

    return made


@contextmanager
def ringing(*moments: Callable[[], object]) -> Iterator[None]:
    """While the block runs, the limit's timer rings at each of these moments, one after the other."""

    def ring() -> None:
        for moment in moments:
            wait_until(moment, "the moment of the limit")
            os.kill(os.getpid(), signal.SIGALRM)

    thread = threading.Thread(target=ring)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def expect_timed_out(graph: Graph, run: Run) -> None:
    assert run.failure.startswith("silver.customer_transactions: took longer than its time limit")
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert (row["outcome"], row["error_kind"]) == ("timed out", "time limit")


@pytest.mark.slow
@pytest.mark.parametrize("then", ["", HEARS], ids=["ends when told", "works on"])
def test_its_process_is_ended_before_the_step_is(planted: Any, tmp_path: Path, then: str) -> None:
    """It gets SIGINT; one that works on when the timer rings again is killed. The next run has a process of its own."""
    graph = planted({"silver": program(f"{then}\n{WAITS}")})
    processes = list[psutil.Process]()

    def at_work() -> bool:
        processes.append(psutil.Process(opened(tmp_path)["pid"]))
        return True

    with ringing(at_work, *([(tmp_path / "heard").exists] if then else [])):
        run = graph.run(TRANSACTIONS)
    (process,) = processes
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    expect_timed_out(graph, run)
    assert attempts_of(tmp_path) == {"1"}


@pytest.mark.slow
@pytest.mark.parametrize("then", ["", HEARS], ids=["ends when told", "works on"])
def test_so_is_a_process_that_outlived_the_dagster_that_began_it(
    planted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    compute = {"silver": program(f"{then}\n{WAITS}")}
    graph, followed = planted(compute), threading.Event()

    def noted(*arguments: Any, **more: Any) -> bool:
        followed.set()
        return wait_while(*arguments, **more)

    monkeypatch.setattr(commands, "wait_while", noted)
    with dagster(tmp_path, compute) as killed:
        process = psutil.Process(opened(tmp_path)["pid"])
        killed.kill()
        killed.wait()
    with ringing(followed.is_set, *([(tmp_path / "heard").exists] if then else [])):
        run = graph.run(TRANSACTIONS, tags={"dagster/root_run_id": root_of(tmp_path)})
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert run.failure.startswith("silver.customer_transactions: took longer than its time limit")
    assert attempts_of(tmp_path) == {"1"}


@pytest.mark.parametrize("service", ["emr_serverless", "databricks"])
def test_its_job_is_canceled(planted: Any, tmp_path: Path, service: str) -> None:
    with job_server() as server:
        graph = planted({"silver": service, **service_settings(service)}, server.url)
        with ringing(lambda: "look" in server.calls):
            run = graph.run(TRANSACTIONS)
        (job,) = server.jobs.values()
        assert server.canceled == [job.id]
    expect_timed_out(graph, run)
    assert attempts_of(tmp_path) == {"1"}

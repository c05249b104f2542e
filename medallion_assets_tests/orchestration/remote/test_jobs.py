"""Stages in jobs of EMR Serverless and Databricks: local servers that answer as these do run the real entry point."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from medallion_assets.compute.databricks import DatabricksService
from medallion_assets.compute.emr_serverless import EmrServerlessService
from medallion_assets.compute.job import Job
from medallion_assets.errors import TransientError
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.remote import jobs
from medallion_assets.stages.work import Repeating
from medallion_assets_tests.compute.job_servers import (
    BROKEN_AT_AWS,
    BROKEN_AT_DATABRICKS,
    LOST,
    THROTTLED_BY_AWS,
    THROTTLED_BY_DATABRICKS,
    JobServer,
    job_server,
)
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.judged_exports import GATE, TRANSACTIONS, base, land, land_bad_second_window
from medallion_assets_tests.orchestration.remote.remote_graph import OURS, remote_graph, service_settings, settings_of

Graphs = Callable[..., Graph]
FAULTS = {
    "emr_serverless": {
        "start": [LOST, THROTTLED_BY_AWS, BROKEN_AT_AWS],
        "look": [LOST, THROTTLED_BY_AWS, BROKEN_AT_AWS],
    },
    "databricks": {
        "start": [LOST, THROTTLED_BY_DATABRICKS, BROKEN_AT_DATABRICKS],
        "look": [LOST, THROTTLED_BY_DATABRICKS, BROKEN_AT_DATABRICKS],
    },
}


def launch(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*OURS, *arguments])


@pytest.fixture
def server() -> Iterator[JobServer]:
    with job_server() as running:
        yield running


@pytest.fixture
def elsewhere(
    tmp_path: Path, dagster_instance: dg.DagsterInstance, server: JobServer, monkeypatch: pytest.MonkeyPatch
) -> Graphs:
    def made(service: str, **settings: Any) -> Graph:
        compute = {"silver": service, **service_settings(service)}
        environment = settings_of(tmp_path, compute, url=server.url) | settings
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return remote_graph(tmp_path, dagster_instance, compute, url=server.url, **settings)

    return made


@pytest.mark.parametrize("service", first_quick("emr_serverless", "databricks"))
def test_one_job_whatever_is_lost_on_the_way(elsewhere: Graphs, server: JobServer, service: str) -> None:
    """The stage's failure, checks and row come out as they do here."""
    server.launch = launch
    server.faults.update(FAULTS[service])
    graph = elsewhere(service, MEDALLION_RETRIES="3", MEDALLION_RETRY_SECONDS="0")
    bad = land_bad_second_window(graph)
    run = graph.run(TRANSACTIONS)
    assert (run.success, run.failed_checks, run.retries) == (False, {GATE}, 0)
    assert f"export {bad} failed the quality gate" in run.failure
    assert len(server.jobs) == 1
    assert server.calls.count("start") == 4
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert (row["outcome"], row["export_id"]) == ("failed", bad)
    figures = run.figures(TRANSACTIONS)
    (job,) = server.jobs.values()
    assert job.id in figures["ran_on"]
    assert {name for name in figures if name.startswith("billed_")} == {
        "emr_serverless": {"billed_vcpu_hours", "billed_memory_gb_hours", "billed_storage_gb_hours"},
        "databricks": {"billed_setup_seconds", "billed_execution_seconds"},
    }[service]


@pytest.mark.parametrize(("service", "state"), [("emr_serverless", "FAILED"), ("databricks", "INTERNAL_ERROR/FAILED")])
def test_a_job_that_never_began_is_a_lost_one_and_the_retry_another(
    elsewhere: Graphs, server: JobServer, service: str, state: str
) -> None:
    server.states = [state]
    graph = elsewhere(service)
    land(graph, base())
    run = graph.run(TRANSACTIONS)
    assert (run.success, run.retries, len(server.jobs)) == (False, 1, 2)
    rows = read_attempts(graph.lakehouse).to_dicts()
    assert [row["outcome"] for row in rows] == ["failed", "failed"]
    assert all("the remote process ended without an error message" in row["error"] for row in rows)
    assert all(state.partition("/")[0] in row["error"] for row in rows)


@pytest.mark.parametrize("service", list(FAULTS))
def test_a_job_that_is_refused_is_not_tried_again(elsewhere: Graphs, server: JobServer, service: str) -> None:
    server.faults["start"] = [(403, {"__type": "AccessDeniedException", "message": "not authorized"})] * 2
    graph = elsewhere(service)
    land(graph, base())
    run = graph.run(TRANSACTIONS)
    assert (run.retries, server.calls) == (0, ["start"])
    assert "what to do" in run.failure


DENIED = (403, {"__type": "AccessDeniedException", "message": "the token has expired"})


def again(home: Path, graph: Graph) -> Any:
    """The run, started anew."""
    (root,) = filter(Path.is_dir, (home / "lakehouse/operations/remote").iterdir())
    return graph.run(TRANSACTIONS, tags={"dagster/root_run_id": root.name})


def test_a_job_that_cannot_be_looked_at_is_found_again(elsewhere: Graphs, server: JobServer, tmp_path: Path) -> None:
    """Keys that expire while it works end the step, not the job: a second one would work beside it."""
    server.faults["look"] = [DENIED, DENIED]
    graph = elsewhere("emr_serverless")
    land(graph, base())
    assert not graph.run(TRANSACTIONS).success
    assert not again(tmp_path, graph).success
    assert (len(server.jobs), server.calls) == (1, ["start", "look", "look"])


@pytest.mark.parametrize("service", list(FAULTS))
@pytest.mark.parametrize("is_begun", [True, False], ids=["its answer is lost", "it was not asked"])
def test_a_step_that_is_ended_while_its_job_is_started_leaves_none_at_work(
    elsewhere: Graphs, server: JobServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str, is_begun: bool
) -> None:
    """Nobody knows the job's id then, but its token."""
    graph = elsewhere(service)
    land(graph, base())
    _interrupt_first_start(monkeypatch, service, is_begun)
    with suppress(DagsterExecutionInterruptedError):
        graph.run(TRANSACTIONS)
    (job,) = server.jobs.values()
    assert (server.calls, server.canceled) == (["start"] * (1 + is_begun) + ["cancel"], [job.id])
    server.faults["look"] = [DENIED]
    again(tmp_path, graph)
    assert len(server.jobs) == 2  # the next run has a job of its own


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(DagsterExecutionInterruptedError(), id="the step is ended once more"),
        pytest.param(KeyError("jobRunId"), id="an answer that nobody expects"),
        pytest.param(TransientError("the service did not answer"), id="no answer"),
    ],
)
def test_a_service_that_says_nothing_then_is_named_and_the_job_is_found_again(
    elsewhere: Graphs,
    server: JobServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    then: BaseException,
) -> None:
    """What ends the step stays what ends it: an error would be tried again."""
    monkeypatch.setattr(jobs, "CANCELING", Repeating(attempts=0))
    graph = elsewhere("emr_serverless")
    land(graph, base())
    with monkeypatch.context() as patched:
        _interrupt_first_start(patched, "emr_serverless", is_begun=True, then=then)
        with suppress(DagsterExecutionInterruptedError):
            assert graph.run(TRANSACTIONS).retries == 0
    assert "EMR Serverless may continue with medallion silver.customer_transactions" in caplog.text
    assert server.canceled == []
    server.faults["look"] = [DENIED]
    again(tmp_path, graph)
    assert (len(server.jobs), server.calls[-2:]) == (1, ["start", "look"])


def _interrupt_first_start(
    monkeypatch: pytest.MonkeyPatch, service: str, is_begun: bool, *, then: BaseException | None = None
) -> None:
    """As a person does who ends the step: while the service is asked, or before. `then` is raised by the next start."""
    kind = {"emr_serverless": EmrServerlessService, "databricks": DatabricksService}[service]
    real, calls = kind.start, count()

    def start(self: Any, job: Job) -> str:
        if next(calls):
            if then is not None:
                raise then
            return real(self, job)
        if is_begun:
            with suppress(TransientError):
                real(self, job)
        raise DagsterExecutionInterruptedError

    monkeypatch.setattr(kind, "start", start)


def test_a_job_of_another_service_is_not_asked_for_here(elsewhere: Graphs, server: JobServer, tmp_path: Path) -> None:
    server.faults["look"] = [DENIED]
    graph = elsewhere("emr_serverless")
    land(graph, base())
    graph.run(TRANSACTIONS)
    run = again(tmp_path, elsewhere("databricks"))
    assert "EMR Serverless" in run.failure
    assert "Databricks" in run.failure
    assert server.calls == ["start", "look"]

"""A failed run is retried, and executed once more, from the UI; each of these is a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from medallion_assets_tests.orchestration.shown_tags import MOST, shown
from medallion_assets_tests.services.processes import free_port, running
from medallion_assets_tests.services.waiting import wait_until

DAGSTER_YAML = """
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
run_launcher: {module: medallion_assets.orchestration.runs.launcher, class: WatchedRunLauncher}
"""
LAUNCH = """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
AGAIN = """mutation ($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
SELECTOR = {
    "repositoryLocationName": "medallion_assets_tests.orchestration.runs.run_jobs",
    "repositoryName": "repository",
    "jobName": "waiting",
}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A web server without a daemon."""
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    url = f"http://127.0.0.1:{(port := free_port())}"

    def ready() -> bool:
        try:
            return requests.get(f"{url}/server_info", timeout=5).ok
        except requests.RequestException:
            return False

    command = [sys.executable, "-m", "dagster_webserver", "-m", "medallion_assets_tests.orchestration.runs.run_jobs"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    with running(command, environment=environment, log=tmp_path / "log", ready=ready):
        yield url


@pytest.fixture
def instance(tmp_path: Path, url: str) -> Iterator[dg.DagsterInstance]:
    assert url
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def asked(url: str, query: str, params: dict[str, Any]) -> str:
    """The id of the run that a mutation launched."""
    answer = requests.post(f"{url}/graphql", json={"query": query, "variables": {"params": params}}, timeout=120)
    (found,) = answer.json()["data"].values()
    assert found["__typename"] == "LaunchRunSuccess", found
    return str(found["run"]["runId"])


def test_a_failed_run_is_retried_and_executed_again(url: str, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    (tmp_path / "fail").touch()
    config = json.dumps({"ops": {"waits": {"config": {"folder": str(tmp_path)}}}})
    first = asked(url, LAUNCH, {"selector": SELECTOR, "runConfigData": config})
    wait_until(lambda: status(instance, first) is dg.DagsterRunStatus.FAILURE, "it has failed")
    (tmp_path / "fail").unlink()
    again = []
    for strategy in ("FROM_FAILURE", "ALL_STEPS"):
        again.append(asked(url, AGAIN, {"parentRunId": first, "strategy": strategy}))
        wait_until(lambda: status(instance, again[-1]) is dg.DagsterRunStatus.SUCCESS, "it has succeeded")
    assert (tmp_path / "at-work").read_text().split() == [first, *again]
    for run_id in (first, *again):
        assert len(shown(tags_in_the_ui(url, run_id))) <= MOST


def tags_in_the_ui(url: str, run_id: str) -> list[str]:
    query = f'{{ runOrError(runId: "{run_id}") {{ ... on Run {{ tags {{ key }} }} }} }}'
    answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=120)
    return [tag["key"] for tag in answer.json()["data"]["runOrError"]["tags"]]


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus | None:
    run = instance.get_run_by_id(run_id)
    return run and run.status

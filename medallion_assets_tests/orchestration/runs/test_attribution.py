"""A run that is started in the web UI carries the user whom a proxy passes on, in a real web server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from medallion_assets_tests.services.web_server import web_server

DAGSTER_YAML = """
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: medallion_assets.orchestration.runs.attribution, class: AttributedQueue}
"""
LAUNCH = """mutation ($execution: ExecutionParams!) { launchRun(executionParams: $execution) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("web_server")]


def launch(url: str, headers: dict[str, str], *, typed: str | None = None) -> str:
    """Start a run of `ingest` as the UI does, with a tag that a person typed; its id."""
    selector = {
        "repositoryLocationName": "medallion_assets.definitions",
        "repositoryName": "__repository__",
        "jobName": "ingest",
    }
    tags = [{"key": "user", "value": typed}] if typed else []
    execution: dict[str, Any] = {"selector": selector, "executionMetadata": {"tags": tags}}
    body = {"query": LAUNCH, "variables": {"execution": execution}}
    launched = requests.post(f"{url}/graphql", json=body, headers=headers, timeout=60).json()["data"]["launchRun"]
    return str(launched["run"]["runId"])


def test_the_user_of_the_web_ui_is_the_tag_of_the_run(tmp_path: Path) -> None:
    """Before a tag that was typed; without the header that stays. A header of another name is nobody's."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    variables = {"MEDALLION_HOME": str(tmp_path / "home"), "MEDALLION_USER_HEADER": "X-Forwarded-Email"}
    with web_server(home, variables) as url:
        named = {"x-forwarded-email": "ada@example.com"}
        runs = [
            launch(url, named),
            launch(url, named, typed="somebody"),
            launch(url, {}, typed="grace"),
            launch(url, {"X-Forwarded-User": "mallory"}),
        ]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        users = [found.tags.get("user") if (found := instance.get_run_by_id(run)) else "" for run in runs]
    assert users == ["ada@example.com", "ada@example.com", "grace", None]

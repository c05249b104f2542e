"""Plain `dagster dev`: in the repository with the settings of `medallion dev`; elsewhere it says what is missing.

What it says of refused settings, in the terminal and to the UI, is one message without a stack.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from medallion_assets_tests.services.instance_settings import of_production, of_server
from medallion_assets_tests.services.processes import REPOSITORY, free_port, running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("web_server")]
SECONDS = 180.0
NOT_SET_UP = "this Dagster is not set up for these pipelines"
REFUSED = {
    "MEDALLION_FRIST_DAY": ("2025-01-01", "expected: MEDALLION_FIRST_DAY"),
    "MEDALLION_CLOSE_WAITS_UNTIL": ("25", "expected: a time of day such as 06:00"),
    "MEDALLION_PIPELINES": ("nowhere:SHOP", "which is not a pipeline; expected: "),
}
"""A value that is refused, and words of the message."""
LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename
    ... on PythonError { stack errorChain { error { message stack } } } } } } } }"""


@contextmanager
def dagster_dev(folder: Path, *options: str, **variables: str) -> Iterator[str]:
    """The URL of one that was started in a folder, without a DAGSTER_HOME; nothing of it is left after the block."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return requests.get(f"{url}/server_info", timeout=5).ok
        except requests.ConnectionError:
            return False

    start = f"import os; os.chdir({str(folder)!r}); from dagster._cli import main; main()"
    what = options or ("-m", "medallion_assets.definitions")
    command = [sys.executable, "-c", start, "dev", *what, "--port", str(port)]
    environment = {**kept, "MEDALLION_HOME": str(folder / "home"), **variables}
    with running(command, environment=environment, log=folder / "log", ready=ready, seconds=SECONDS) as process:
        family = psutil.Process(process.pid).children(recursive=True)
        try:
            yield url
        finally:
            process.terminate()
            process.wait(SECONDS)
            _, left = psutil.wait_procs(family, timeout=SECONDS)
            for survivor in left:
                survivor.kill()
            psutil.wait_procs(left)


def test_in_the_repository_it_runs_as_production_does(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").symlink_to(REPOSITORY / "dagster.yaml")
    with dagster_dev(tmp_path) as url:
        assert of_server(url) == of_production()
    assert NOT_SET_UP not in (tmp_path / "log").read_text()


def test_elsewhere_it_says_once_what_is_missing(tmp_path: Path) -> None:
    with dagster_dev(tmp_path) as url:
        assert requests.get(f"{url}/server_info", timeout=60).ok
    said = (tmp_path / "log").read_text()
    assert said.count(NOT_SET_UP) == 1
    assert "at most 3 runs at once" in said
    assert f"deploy/dagster.dev.yaml {tmp_path}/dagster.yaml" in said


@pytest.mark.parametrize("variable", REFUSED)
def test_a_refused_setting_is_one_message_in_the_terminal_and_for_the_ui(tmp_path: Path, variable: str) -> None:
    value, words = REFUSED[variable]
    with dagster_dev(tmp_path, "-w", str(REPOSITORY / "workspace.yaml"), **{variable: value}) as url:
        shown = load_error(url)
    said = (tmp_path / "log").read_text()
    assert not [line for line in said.splitlines() if line.strip().startswith(("Traceback", "Stack Trace", "File "))]
    (message,) = [line for line in said.splitlines() if words in line]
    assert "found: " in message
    assert "what to do: " in message
    (cause,) = [link["error"] for link in shown["errorChain"]]
    assert cause["message"].strip() in message
    assert shown["stack"] == cause["stack"] == []


def load_error(url: str) -> dict[str, Any]:
    """The error that the UI shows for the one code location, which could not be loaded."""
    answer = requests.post(f"{url}/graphql", json={"query": LOADED}, timeout=60)
    (entry,) = answer.json()["data"]["workspaceOrError"]["locationEntries"]
    found: dict[str, Any] = entry["locationOrLoadError"]
    assert found["__typename"] == "PythonError"
    return found

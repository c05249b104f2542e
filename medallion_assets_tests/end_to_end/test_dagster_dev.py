"""Plain `dagster dev`: in the repository with the settings of `medallion dev`; elsewhere it says what is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from medallion_assets_tests.services.instance_settings import of_production, of_server
from medallion_assets_tests.services.processes import REPOSITORY, free_port, running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("web_server")]
SECONDS = 180.0
NOT_SET_UP = "this Dagster is not set up for these pipelines"


@contextmanager
def dagster_dev(folder: Path) -> Iterator[str]:
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
    command = [sys.executable, "-c", start, "dev", "-m", "medallion_assets.definitions", "--port", str(port)]
    environment = {**kept, "MEDALLION_HOME": str(folder / "home")}
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

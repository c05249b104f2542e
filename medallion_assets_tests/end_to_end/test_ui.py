"""`medallion ui` as a person uses it: it shows, starts nothing by itself, and needs no daemon for a run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.samples.next_exports import write_next_exports
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.settings import load_settings
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.pipelines.transactions.samples.test_next_exports import NOW
from medallion_assets_tests.services.instance_settings import of_production, of_server
from medallion_assets_tests.services.processes import REPOSITORY, free_port, running

pytestmark = pytest.mark.xdist_group("web_server")
SECONDS = 180.0
TRIGGERS = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  sensors { sensorState { status } } schedules { scheduleState { status } } } } } }"""


@dataclass(frozen=True)
class Ui:
    """`medallion ui` over a home in which exports wait."""

    home: Path
    url: str

    def ask(self, query: str) -> Any:
        answer = requests.post(f"{self.url}/graphql", json={"query": query}, timeout=60)
        answer.raise_for_status()
        return answer.json()["data"]


@contextmanager
def ui_in(folder: Path) -> Iterator[Ui]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {**kept, "MEDALLION_HOME": str(folder / "home")}
    write_next_exports(load_settings(environment).raw_url, now=NOW)
    port = free_port()
    shown = Ui(folder / "home", f"http://127.0.0.1:{port}")

    def ready() -> bool:
        try:
            return requests.get(f"{shown.url}/server_info", timeout=5).ok
        except requests.ConnectionError:
            return False

    command = [sys.executable, "-c", "from medallion_assets.cli import app; app()", "ui", "--port", str(port)]
    with running(command, environment=environment, log=folder / "log", ready=ready, seconds=SECONDS):
        yield shown


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with ui_in(tmp_path_factory.mktemp("ui")) as shown:
        yield shown


def test_it_shows_and_starts_nothing_unless_told_to(ui: Ui) -> None:
    """Exports wait to be loaded; no daemon is there to see them, and every trigger is off."""
    (repository,) = ui.ask(TRIGGERS)["repositoriesOrError"]["nodes"]
    states = [sensor["sensorState"]["status"] for sensor in repository["sensors"]]
    states += [schedule["scheduleState"]["status"] for schedule in repository["schedules"]]
    assert set(states) == {"STOPPED"}
    family = psutil.Process().children(recursive=True)
    started = [
        " ".join(process.cmdline()) for process in family if str(ui.home) in process.environ().get("MEDALLION_HOME", "")
    ]
    assert [command for command in started if "page_server" in command]
    assert [command for command in started if "_daemon" in command] == []

    printed = re.search(r"http://\S+/dashboard\.html", (ui.home.parent / "log").read_text())
    assert printed is not None
    assert f"missing: {ui.home}/lakehouse" in requests.get(printed[0], timeout=60).text

    lakehouse, bronze = (
        Lakehouse(catalog=CATALOG, url=load_settings({"MEDALLION_HOME": str(ui.home)}).lakehouse_url),
        "customers",
    )
    assert not lakehouse.exists(bronze_table(bronze))
    run_now = [sys.executable, REPOSITORY / "examples" / "run_now.py", "ingest", "--asset", f"bronze/{bronze}"]
    done = subprocess.run([*run_now, "--url", ui.url], capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lakehouse.exists(bronze_table(bronze))


def test_it_has_the_settings_of_production_and_says_what_needs_a_daemon(ui: Ui) -> None:
    assert of_server(ui.url) == of_production()
    said = " ".join((ui.home.parent / "log").read_text().split())
    lacks = ["no sensors", "no schedules", "no limit on concurrent runs", "no time limit of a whole run", "no restart"]
    assert f"There is no daemon: {', '.join(lacks)} of a run" in said


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with ui_in(tmp_path) as shown:
        (server,) = [
            process
            for process in psutil.Process().children()
            if "medallion_assets.cli.page_server" in process.cmdline()
            and process.environ()["MEDALLION_HOME"] == str(shown.home)
        ]
        family = [server, *server.children(recursive=True)]
        server.send_signal(signal.SIGINT)
        _, left = psutil.wait_procs(family, timeout=60)
    assert left == []

"""`medallion dev` as a newcomer uses it: an export dropped by hand is served by itself, and Ctrl-C ends everything.

The next start serves the same again, though its DynamoDB forgot it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from medallion_assets.cli.embedded_dynamodb import EmbeddedDynamoDB
from medallion_assets.cli.home_lock import only_one
from medallion_assets.delta.table import Lakehouse
from medallion_assets.orchestration.runs.forks.launches import last
from medallion_assets.orchestration.wakes.messages import is_heard
from medallion_assets.settings import load_settings
from medallion_assets.sources.dynamodb_export.find import find_exports
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.end_to_end.arrival import Destination
from medallion_assets_tests.pipeline import CATALOG, EXPORTED_TABLES
from medallion_assets_tests.services.daemon import NO_CLOSE
from medallion_assets_tests.services.instance_settings import of_production, of_server
from medallion_assets_tests.services.processes import free_port

pytestmark = pytest.mark.xdist_group("web_server")
SECONDS = 600.0
"""How long any step may take, on a machine that is busy with other tests."""
MEDALLION = [sys.executable, "-c", "from medallion_assets.cli import app; app()"]


class Dev:
    """`medallion dev` over a home, started as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.settings = load_settings({"MEDALLION_HOME": str(folder / "home")})
        self.log = folder / "dev.log"
        self.ports = {"--port": free_port(), "--dynamodb-port": free_port()}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {**kept, **NO_CLOSE, "MEDALLION_HOME": str(self.settings.home)}
        self._process: psutil.Popen | None = None
        self._before = 0

    @property
    def printed(self) -> str:
        """What it said since it was started last."""
        return self.log.read_text()[self._before :]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return int(self._process.pid)

    @property
    def dynamodb(self) -> Any:
        return EmbeddedDynamoDB(f"http://127.0.0.1:{self.ports['--dynamodb-port']}").serving.client()

    def start(self) -> None:
        """Start it as a shell starts a job in the background (SIGINT ignored), and wait until it says that it is up."""
        self._before = self.log.stat().st_size if self.log.exists() else 0
        words = [str(word) for option in self.ports.items() for word in option]
        with self.log.open("ab") as log:
            self._process = psutil.Popen(
                [*MEDALLION, "dev", *words],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
            )
        self.wait_until(lambda: "Ctrl-C stops everything" in self.printed)

    def wait_until(self, is_so: Callable[[], object]) -> None:
        """Ask every second: whoever asks all the time takes from those who work."""
        deadline = time.monotonic() + SECONDS
        while not is_so():
            if self._process is None or not self._process.is_running() or time.monotonic() > deadline:
                pytest.fail(f"it did not come to that:\n{self.log.read_text()[-4000:]}")
            time.sleep(1)

    def end(self) -> list[psutil.Process]:
        """Ctrl-C; gives the processes that are left a moment after it has ended."""
        if self._process is None:
            return []
        process, self._process = self._process, None
        family = process.children(recursive=True)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=SECONDS) == 0, self.printed
        finally:
            if process.is_running():
                process.kill()
            _, left = psutil.wait_procs(family, timeout=60)
            for survivor in left:
                survivor.kill()
        assert len(family) > 2, "web server, daemon and code server"
        return left

    def kill(self) -> list[psutil.Process]:
        """SIGKILL for it alone; gives the processes that it leaves behind."""
        assert self._process is not None
        process, self._process = self._process, None
        family: list[psutil.Process] = process.children(recursive=True)
        process.kill()
        process.wait()
        return family

    def sample_export(self) -> list[Export]:
        """Drop new exports as a second terminal does; gives all that lie there."""
        subprocess.run([*MEDALLION, "sample-export"], env=self.environment, check=True, timeout=SECONDS)
        stores = [open_store(f"{self.settings.raw_url}/{table.short_name}") for table in EXPORTED_TABLES]
        return [read_export(store, found) for store in stores for found in find_exports(store)]


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    dev = Dev(tmp_path)
    yield dev
    dev.end()


def runs_at_work(url: str) -> list[dict[str, str]]:
    """The runs that have not ended, as the UI knows them."""
    query = "{ runsOrError(filter: {statuses: [NOT_STARTED, QUEUED, STARTING, STARTED]}) "
    query += "{ ... on Runs { results { runId } } } }"
    answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=30)
    answer.raise_for_status()
    return list(answer.json()["data"]["runsOrError"]["results"])


def test_an_export_is_served_by_itself_and_again_after_a_restart(dev: Dev) -> None:
    dev.start()
    url = f"http://127.0.0.1:{dev.ports['--port']}"
    assert f"Dagster UI {url}" in dev.printed
    assert requests.get(f"{url}/server_info", timeout=10).ok
    assert of_server(url) == of_production()
    dev.wait_until(lambda: is_heard(dev.settings.dagster_home))  # the daemon is ours: sensors look once they are woken
    landed = dev.sample_export()
    destination = Destination(Lakehouse(catalog=CATALOG, url=dev.settings.lakehouse_url), dev.dynamodb)
    dev.wait_until(lambda: destination.lacks(landed) == [])
    customers = dev.dynamodb.scan(TableName="customer_ltv_metrics", Select="COUNT")["Count"]
    dev.wait_until(lambda: "items written" in dev.printed)
    dev.wait_until(lambda: not runs_at_work(url))  # one that is ended before it says so is asked for again, a bit later
    launches = last(dev.settings.dagster_home)
    assert launches is not None
    assert launches.refusal == "", "runs are forked, not started"
    assert dev.end() == []
    assert "Traceback" not in dev.printed
    assert "Stack Trace" not in dev.printed

    dev.start()
    assert "restored what was published" in dev.printed
    assert destination.lacks(landed) == [], "the DynamoDB of before is gone, and readers must not see that"
    assert dev.dynamodb.scan(TableName="customer_ltv_metrics", Select="COUNT")["Count"] == customers > 100
    dev.sample_export()
    dev.wait_until(lambda: "reading export" in dev.printed)
    assert dev.end() == [], "in the middle of a run as well"


def test_a_kill_leaves_no_daemon_behind_and_frees_the_home(dev: Dev) -> None:
    """A second one in the same home is refused until then: two daemons would ask for everything twice."""
    dev.start()
    second = [*MEDALLION, "dev", "--port", str(free_port()), "--dynamodb-port", str(free_port())]
    refused = subprocess.run(second, env=dev.environment, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert refused.returncode == 2
    assert f"found: process {dev.pid} (medallion dev) of" in refused.stderr
    family = left = dev.kill()
    assert len(family) > 2
    try:
        with only_one(dev.settings.home, "medallion dev", patience=SECONDS):
            _, left = psutil.wait_procs(family, timeout=5)
    finally:
        for survivor in left:
            with suppress(psutil.NoSuchProcess):
                survivor.kill()
    assert left == []

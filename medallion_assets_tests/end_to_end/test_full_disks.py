"""A disk that is full while runs are at work, and has room again: nothing is lost or done twice, nobody has to help.

Each takes a minute or two, root and both cores to itself: `make test-faults` runs them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.settings import load_settings
from medallion_assets_tests.end_to_end.arrival import Destination, land
from medallion_assets_tests.end_to_end.test_dev import Dev, runs_at_work
from medallion_assets_tests.end_to_end.test_production import (
    FIRST_SECONDS,
    seconds_until_arrived,
    seconds_until_no_run_is_left,
    wait_for_run,
)
from medallion_assets_tests.graph import STORY
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services.daemon import Deployment, deployment_on
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.postgres import PostgresServer, postgres_server
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.small_disk import SmallDisk

pytestmark = pytest.mark.skipif(not os.environ.get("MEDALLION_FAULTS"), reason="takes minutes: make test-faults")
FILL_SECONDS = 0.2
FULL_SECONDS = 20.0
"""How long a disk stays full: every loop of the daemon meets it several times, and so does a run."""
ARRIVAL_SECONDS = 240.0
"""Once there is room everything is in within this time: what failed meanwhile waits up to a minute to be asked for."""


@pytest.fixture
def postgres(small_disk: SmallDisk, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server of its own, on the small disk where a test fills that of PostgreSQL."""
    is_full = request.node.callspec.params["full"] == "postgresql"
    with postgres_server(small_disk.path if is_full else None) as server:
        yield server


@pytest.fixture
def production(
    tmp_path: Path, small_disk: SmallDisk, postgres: PostgresServer, dynamodb_local: DynamoDBLocal
) -> Iterator[Deployment]:
    settings = {"MEDALLION_TIMERS": "none", "MEDALLION_CREATE_TABLES": "yes"}
    home = str(small_disk.path / "dagster_home")
    with deployment_on(tmp_path, postgres, dynamodb_local, DAGSTER_HOME=home, **settings) as production:
        yield production


@pytest.mark.parametrize(
    ("full", "part", "said"),
    [("postgresql", "postgresql", "No space left on device"), ("dagster_home", "disk", "0.0 GB free")],
)
def test_a_deployment_goes_on_by_itself_once_there_is_room(
    full: str,
    part: str,
    said: str,
    tmp_path: Path,
    small_disk: SmallDisk,
    postgres: PostgresServer,
    production: Deployment,
    dynamodb_local: DynamoDBLocal,
    tell: Callable[[str, str], None],
) -> None:
    settings = load_settings(production.environment)
    destination = Destination(Lakehouse(catalog=CATALOG, url=settings.lakehouse_url), dynamodb_local.client)
    story, raw = tmp_path / "story", Path(settings.raw_url)
    exports = write_demo_history(str(story), **STORY)[:5]
    for export in exports[:2]:
        land(export, story, raw)
    production.start()
    seconds_until_arrived(production, destination, exports[:2], limit=FIRST_SECONDS)

    landed_at = time.time()
    land(exports[2], story, raw)
    wait_for_run(production, "ingest_and_refine", "STARTED", landed_at)
    with kept_full(small_disk):
        for export in exports[3:]:
            land(export, story, raw)
        time.sleep(FULL_SECONDS)
        found = health(production)[part]
    assert (found["is_well"], said in found["found"]) == (False, True), found
    assert "free space" in found["do"]

    small_disk.free()
    since = time.monotonic()
    if not postgres.answers():  # it ends itself when its log has no room, and its unit does not start it again
        postgres.start()
    took = seconds_until_arrived(production, destination, exports, since=since, limit=ARRIVAL_SECONDS)
    seconds_until_no_run_is_left(production, since=time.monotonic())
    tell(f"full {full}", f"everything arrived {took:.0f} s after there was room")
    assert verify(destination.lakehouse, deep=True).findings == []
    assert [part for part in health(production, "--wait", "60").values() if not part["is_well"]] == []
    assert production.stop() == 0


def test_development_goes_on_by_itself_once_there_is_room(
    tmp_path: Path, small_disk: SmallDisk, tell: Callable[[str, str], None]
) -> None:
    """Its runs, events and cursors are in SQLite, on that disk."""
    dev = Dev(tmp_path)
    dev.settings.home.mkdir()
    dagster_home = small_disk.path / "dagster_home"
    dagster_home.mkdir()
    dev.settings.dagster_home.symlink_to(dagster_home)
    try:
        dev.start()
        url = f"http://127.0.0.1:{dev.ports['--port']}"
        landed = dev.sample_export()
        destination = Destination(Lakehouse(catalog=CATALOG, url=dev.settings.lakehouse_url), dev.dynamodb)
        dev.wait_until(lambda: "reading export" in dev.printed)
        with kept_full(small_disk):
            time.sleep(FULL_SECONDS)
        small_disk.free()
        since = time.monotonic()
        dev.wait_until(lambda: destination.lacks(landed) == [])
        took = time.monotonic() - since
        dev.wait_until(lambda: not runs_at_work(url))
        tell("full SQLite", f"everything arrived {took:.0f} s after there was room")
        assert verify(destination.lakehouse, deep=True).findings == []
    finally:
        dev.end()


@contextmanager
def kept_full(disk: SmallDisk) -> Iterator[None]:
    """While the block runs, whatever is given back is taken again at once."""
    is_over = Event()

    def fill() -> None:
        while not is_over.wait(FILL_SECONDS):
            disk.fill()

    disk.fill()
    with ThreadPoolExecutor(1) as threads:
        filling = threads.submit(fill)
        try:
            yield
        finally:
            is_over.set()
        filling.result()


def health(production: Deployment, *options: str) -> dict[str, dict[str, Any]]:
    """What an operator is told, by part."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / "deploy" / "health.py", "--json", *options],
        env=production.environment | {"MEDALLION_TRIGGERS": "on"},
        capture_output=True,
        text=True,
        check=False,
    )
    return {answer["part"]: answer for answer in json.loads(done.stdout)["parts"]}

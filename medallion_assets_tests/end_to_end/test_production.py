"""The production deployment on real services: exports arrive by themselves, and after a kill of everything as well.

It takes minutes, on a quiet machine: `make test-kills` runs it, beside the other deployment. In CI all else gives way.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.settings import load_settings
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets_tests.end_to_end.arrival import Destination, land
from medallion_assets_tests.graph import STORY
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services.daemon import Deployment, deployment_on
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.waiting import wait_until

KILLS = int(os.environ.get("MEDALLION_KILLS") or 0)
MOMENTS = (
    ("ingest_and_refine", "STARTED", 0.5),
    ("daily_gold_and_publish", "STARTED", 1.5),
    ("ingest_and_refine", "STARTING", 0.0),
    ("daily_gold_and_publish", "STARTING", 0.0),
    ("ingest_and_refine", "STARTED", 0.8),
    ("daily_gold_and_publish", "STARTED", 3.0),
    ("ingest_and_refine", "STARTED", 0.2),
    ("daily_gold_and_publish", "STARTED", 0.5),
)
"""When everything is killed, in turn: seconds after a run of a job came so far. Only every second export is of
transactions and restates days for certain, so every second moment may wait for a run that does."""
ARRIVAL_SECONDS = 120.0
"""After a restart everything is in within this time."""
FIRST_SECONDS = 300.0
"""The first exports may take longer: every table is made, and all days are built."""
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}


@pytest.fixture
def production(tmp_path: Path, postgres: PostgresServer, dynamodb_local: DynamoDBLocal) -> Iterator[Deployment]:
    """A deployment on empty services; timers count as 0, so that nobody waits for them."""
    settings = {"MEDALLION_TIMERS": "none", "MEDALLION_CREATE_TABLES": "yes"}
    with deployment_on(tmp_path, postgres, dynamodb_local, **settings) as production:
        yield production


@pytest.mark.skipif(not KILLS, reason="takes minutes, on a quiet machine: make test-kills")
def test_everything_arrives_by_itself_and_again_after_each_kill(
    production: Deployment,
    postgres: PostgresServer,
    dynamodb_local: DynamoDBLocal,
    tmp_path: Path,
    tell: Callable[[str, str], None],
) -> None:
    settings = load_settings(production.environment)
    lakehouse = Lakehouse(catalog=CATALOG, url=settings.lakehouse_url)
    destination = Destination(lakehouse, dynamodb_local.client)
    story, raw = tmp_path / "story", Path(settings.raw_url)
    exports = write_demo_history(str(story), **STORY)
    landed, coming = exports[:2], exports[2:]
    assert len(coming) >= KILLS, f"{len(coming)} exports are there to be killed at"
    for export in landed:
        land(export, story, raw)
    production.start()
    took = seconds_until_arrived(production, destination, landed, limit=FIRST_SECONDS)
    tell("start", f"the first exports arrived after {took:.0f} s")
    killed_runs = 0

    for number, export in enumerate(coming[:KILLS]):
        job, status, seconds = MOMENTS[number % len(MOMENTS)]
        landed_at = time.time()
        land(export, story, raw)
        landed = [*landed, export]
        wait_for_run(production, job, status, landed_at)
        time.sleep(seconds)  # further into the run
        before = {run.run_id: run.status for run in production.runs() if run.status not in FINISHED}
        killed_runs += bool(before)  # a run may be over just before
        processes = production.kill()
        postgres.stop(signal.SIGKILL)
        assert verify(lakehouse).findings == []
        restarted = time.monotonic()
        postgres.start()
        production.launch()
        took = seconds_until_arrived(production, destination, landed, since=restarted)
        idle = seconds_until_no_run_is_left(production, since=restarted)
        tell(
            f"kill {number + 1} ({job} {status} + {seconds} s, {processes} processes, runs {sorted(before.values())})",
            f"everything in {took:.0f} s after the restart, no run left after {idle:.0f} s",
        )
        assert {run.status for run in production.runs() if run.run_id in before} <= FINISHED

    assert killed_runs > KILLS // 2
    assert verify(lakehouse, deep=True).findings == []
    assert (production.stop(), production.processes()) == (0, [])


def seconds_until_arrived(
    production: Deployment,
    destination: Destination,
    exports: list[Export],
    since: float | None = None,
    limit: float = ARRIVAL_SECONDS,
) -> float:
    """Seconds from `since` (or now) until nothing lacks any more; fails when they are too many."""
    since = time.monotonic() if since is None else since
    while lacks := destination.lacks(exports):
        if time.monotonic() - since > limit:
            pytest.fail(f"after {limit:.0f} s: {lacks}\n{story_of(production)}")
        time.sleep(1)
    return time.monotonic() - since


def seconds_until_no_run_is_left(production: Deployment, since: float) -> float:
    """Seconds from `since` until every run has ended."""
    production.wait_until_ready()
    left = since + ARRIVAL_SECONDS - time.monotonic()
    wait_until(lambda: all(run.status in FINISHED for run in production.runs()), lambda: story_of(production), left)
    return time.monotonic() - since


def wait_for_run(production: Deployment, job: str, status: str, since: float) -> None:
    """Wait until a new run of a job has come so far; a status that lasts too short to be seen may be over already."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not any(
        run.created_at > since and run.job == job and run.status in (status, "STARTED") for run in production.runs(50)
    ):
        if time.monotonic() > deadline:
            pytest.fail(f"no run of {job} came to {status}:\n{story_of(production)}")
        time.sleep(0.05)


def story_of(production: Deployment) -> str:
    """What a person needs to see why something has not arrived."""
    try:
        runs = [f"{run.job} {run.run_id[:8]} {run.status} {dict(run.tags)}" for run in production.runs()[:20]]
    except requests.RequestException as error:
        runs = [f"the web server does not answer: {error}"]
    return "\n".join([*runs, production.end_of_log()])

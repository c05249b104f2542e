"""Runs of the production deployment that are killed for memory: a person is told, and the next one goes on.

It takes minutes, root and both cores to itself: `make test-faults` runs it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.alerts import ALERTS
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.settings import load_settings
from medallion_assets_tests.end_to_end.arrival import Destination, land
from medallion_assets_tests.end_to_end.test_production import (
    FINISHED,
    FIRST_SECONDS,
    production,
    seconds_until_arrived,
    seconds_until_no_run_is_left,
    story_of,
)
from medallion_assets_tests.graph import STORY
from medallion_assets_tests.pipeline import CATALOG, rows
from medallion_assets_tests.services.daemon import Deployment
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.memory_limit import MemoryLimit

__all__ = ["production"]
STARVED_SECONDS = 200.0
MOST_DEATHS = 3
"""A run and its two restarts: then its alert is raised, and its trigger waits longer each time before it asks again."""


@pytest.mark.skipif(not os.environ.get("MEDALLION_FAULTS"), reason="takes minutes: make test-faults")
def test_runs_that_are_killed_for_memory_are_told_and_made_good(
    production: Deployment,
    dynamodb_local: DynamoDBLocal,
    memory_limit: MemoryLimit,
    tmp_path: Path,
    tell: Callable[[str, str], None],
) -> None:
    settings = load_settings(production.environment)
    lakehouse = Lakehouse(catalog=CATALOG, url=settings.lakehouse_url)
    destination = Destination(lakehouse, dynamodb_local.client)
    story, raw = tmp_path / "story", Path(settings.raw_url)
    exports = write_demo_history(str(story), **STORY)[:3]
    for export in exports[:2]:
        land(export, story, raw)
    production.start()
    seconds_until_arrived(production, destination, exports[:2], limit=FIRST_SECONDS)
    seconds_until_no_run_is_left(production, since=time.monotonic())

    before = {run.run_id for run in production.runs()}
    servers = set(production.pids())
    land(exports[2], story, raw)
    deadline = time.monotonic() + STARVED_SECONDS
    while not (told := failures(lakehouse)):
        for pid in set(production.pids()) - servers:  # every process of a run, as soon as it is there
            memory_limit.hold(pid)
        assert time.monotonic() < deadline, story_of(production)
        time.sleep(0.05)
    memory_limit.let_go()
    ended = [run for run in production.runs() if run.run_id not in before and run.job != "diagnose"]
    died = [run for run in ended if run.status == "FAILURE"]
    assert 0 < len(died) <= MOST_DEATHS
    assert any("memory" in alert["do"] for alert in told), told

    took = seconds_until_arrived(production, destination, exports, limit=240)
    tell("out of memory", f"{len(died)} runs died until a person was told; everything arrived {took:.0f} s after that")
    seconds_until_no_run_is_left(production, since=time.monotonic())
    assert verify(lakehouse, deep=True).findings == []
    assert {run.status for run in production.runs()} <= FINISHED
    assert production.stop() == 0


def failures(lakehouse: Lakehouse) -> list[dict[str, str]]:
    """The alerts of kind failure that were raised."""
    return [row for row in rows(lakehouse, ALERTS, "happened_at") if row["kind"] == "failure"]

"""`medallion dev` keeps its runs in SQLite: web server, daemon, code server and three runs at a time write to it.

It takes a minute or two, and both cores to itself: `make test-faults` runs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.orchestration.reporting import pool
from medallion_assets_tests.end_to_end.arrival import Destination
from medallion_assets_tests.end_to_end.test_dev import Dev
from medallion_assets_tests.pipeline import CATALOG, EXPORTED_TABLES
from medallion_assets_tests.services.daemon import LAUNCH, RUNS

KINDS = (
    ("ingest_and_refine", "bronze/customer_transactions", "silver/customer_transactions"),
    ("ingest_and_refine", "bronze/customers", "silver/customers"),
    ("refine", "silver/customer_transactions"),
)
RUNS_OF_A_KIND = 3
AT_A_TIME = 3
"""What dagster.dev.yaml allows (`max_concurrent_runs`)."""
HELD = [pool(table) for table in EXPORTED_TABLES]
"""The pools of Silver. Without a place in them a run that has loaded Bronze waits, at work, until others are as well:
what is written there is done in a moment, and no machine is so even that three such moments meet by themselves."""
LOCATION = {"repositoryLocationName": "medallion_assets.definitions", "repositoryName": "__repository__"}
POOL = "mutation ($pool: String!, $places: Int!) { setConcurrencyLimit(concurrencyKey: $pool, limit: $places) }"
EVENTS = "query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events { __typename } } } }"


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    dev = Dev(tmp_path)
    yield dev
    dev.end()


@pytest.mark.skipif(not os.environ.get("MEDALLION_FAULTS"), reason="takes minutes: make test-faults")
def test_three_runs_at_a_time_on_sqlite_lose_nothing(dev: Dev) -> None:
    """Beside those of the sensors, which meanwhile take exports that are landing."""
    dev.start()
    url = f"http://127.0.0.1:{dev.ports['--port']}/graphql"
    set_places(url, 0)
    landed = dev.sample_export()
    ids = {launch(url, *kind): len(kind) - 1 for _ in range(RUNS_OF_A_KIND) for kind in KINDS}
    dev.wait_until(lambda: len([run for run in runs(url) if run["status"] == "STARTED"]) == AT_A_TIME)
    set_places(url, 1)
    destination = Destination(Lakehouse(catalog=CATALOG, url=dev.settings.lakehouse_url), dev.dynamodb)
    dev.wait_until(lambda: destination.lacks(landed) == [])
    dev.wait_until(lambda: all(run["endTime"] for run in runs(url)))
    assert {run["status"] for run in runs(url)} == {"SUCCESS"}
    for run_id, stages in ids.items():
        events = [event["__typename"] for event in ask(url, EVENTS, id=run_id)["logsForRun"]["events"]]
        kinds = ("RunStartEvent", "ExecutionStepSuccessEvent", "RunSuccessEvent")
        assert [events.count(kind) for kind in kinds] == [1, stages, 1]
    assert "database is locked" not in dev.printed
    assert "Traceback" not in dev.printed
    assert verify(destination.lakehouse).findings == []


def set_places(url: str, places: int) -> None:
    """How many runs may write a Silver table at a time."""
    for name in HELD:
        ask(url, POOL, pool=name, places=places)


def launch(url: str, job: str, *assets: str) -> str:
    """Ask for a run of assets; its id."""
    selector = {**LOCATION, "jobName": job, "assetSelection": [{"path": asset.split("/")} for asset in assets]}
    answer = ask(url, LAUNCH, params={"selector": selector})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def runs(url: str) -> list[dict[str, Any]]:
    """All runs, as the UI knows them."""
    return list(ask(url, RUNS, limit=1000)["runsOrError"]["results"])


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    """The answer of Dagster's GraphQL."""
    answer = requests.post(url, json={"query": query, "variables": variables}, timeout=60)
    answer.raise_for_status()
    return dict(answer.json()["data"])

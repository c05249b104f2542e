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
from medallion_assets_tests.end_to_end.arrival import Destination
from medallion_assets_tests.end_to_end.test_dev import Dev
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.services.daemon import LAUNCH, RUNS

KINDS = (
    ("ingest", "bronze/customer_transactions"),
    ("ingest", "bronze/customers"),
    ("refine", "silver/customer_transactions"),
)
"""They write different tables, so that three go at a time."""
RUNS_OF_A_KIND = 3
LOCATION = {"repositoryLocationName": "medallion_assets.definitions", "repositoryName": "__repository__"}
EVENTS = "query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events { __typename } } } }"


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    one = Dev(tmp_path)
    yield one
    one.end()


@pytest.mark.skipif(not os.environ.get("MEDALLION_FAULTS"), reason="takes minutes: make test-faults")
def test_three_runs_at_a_time_on_sqlite_lose_nothing(dev: Dev) -> None:
    """Beside those of the sensors, which meanwhile take exports that are landing."""
    dev.start()
    url = f"http://127.0.0.1:{dev.ports['--port']}/graphql"
    landed = dev.sample_export()
    ids = [launch(url, *kind) for _ in range(RUNS_OF_A_KIND) for kind in KINDS]
    destination = Destination(Lakehouse(catalog=CATALOG, url=dev.settings.lakehouse_url), dev.dynamodb)
    dev.wait_until(lambda: destination.lacks(landed) == [])
    dev.wait_until(lambda: all(run["endTime"] for run in runs(url)))
    ended = runs(url)
    assert {run["status"] for run in ended} == {"SUCCESS"}
    assert most_at_a_time(ended) >= 3
    for run_id in ids:
        events = [event["__typename"] for event in ask(url, EVENTS, id=run_id)["logsForRun"]["events"]]
        assert [events.count(one) for one in ("RunStartEvent", "ExecutionStepSuccessEvent", "RunSuccessEvent")] == [
            1
        ] * 3
    assert "database is locked" not in dev.printed
    assert "Traceback" not in dev.printed
    assert verify(destination.lakehouse).findings == []


def launch(url: str, job: str, asset: str) -> str:
    """Ask for a run of an asset; its id."""
    selector = {**LOCATION, "jobName": job, "assetSelection": [{"path": asset.split("/")}]}
    answer = ask(url, LAUNCH, params={"selector": selector})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def runs(url: str) -> list[dict[str, Any]]:
    """All runs, as the UI knows them."""
    return list(ask(url, RUNS, limit=1000)["runsOrError"]["results"])


def most_at_a_time(ended: list[dict[str, Any]]) -> int:
    """How many runs were at work at the same moment."""
    return max(len([run for run in ended if run["startTime"] <= one["startTime"] < run["endTime"]]) for one in ended)


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    """The answer of Dagster's GraphQL."""
    answer = requests.post(url, json={"query": query, "variables": variables}, timeout=60)
    answer.raise_for_status()
    return dict(answer.json()["data"])

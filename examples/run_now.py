#!/usr/bin/env python3
"""Start a run with parameters, and follow it to its end: a client of Dagster's GraphQL, to be copied and changed.

Needs nothing but Python. Exit code 0: the run succeeded; 1: it failed or was canceled; 2: it was not started; 3:
contact was lost; the run may continue.

    run_now.py ingest --config '{"bronze/customer_transactions": {"exports": ["01741046415415-ea525ddc"]}}'
    run_now.py refine --asset silver/customers --config '{"silver/customers": {"threshold": 0.95}}'
    run_now.py daily_gold_and_publish --days 2025-01-09...2025-01-10 --asset gold/daily_sales_summary
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
import time
import urllib.request
from typing import Any

JOBS = """{ repositoriesOrError {
  ... on RepositoryConnection { nodes { name location { name } jobs { name } } } ... on PythonError { message } } }"""
LAUNCH = """mutation ($execution: ExecutionParams!) { launchRun(executionParams: $execution) {
  __typename ... on LaunchRunSuccess { run { runId } }
  ... on RunConfigValidationInvalid { errors { message } } ... on PythonError { message }
  ... on Error { message } } }"""
FOLLOW = """query ($run: ID!, $cursor: String) {
  runOrError(runId: $run) { ... on Run { status } ... on RunNotFoundError { message } }
  logsForRun(runId: $run, afterCursor: $cursor) { ... on EventConnection { cursor events {
    ... on MessageEvent { message level }
    ... on ExecutionStepFailureEvent { failureMetadata { description } error { message } } } } } }"""
ENDED = {"SUCCESS": 0, "FAILURE": 1, "CANCELED": 1}


class NotStartedError(Exception):
    """What Dagster, or whoever answers in its place, said instead of what it was asked for."""


def ask(url: str, query: str, **variables: Any) -> Any:
    """What GraphQL answers."""
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        kind, content = answer.headers.get_content_type(), answer.read()
    try:
        body = json.loads(content)
    except ValueError:
        raise NotStartedError(
            f"{url} answers with {kind} and not with JSON; expected: the Dagster UI itself, without a page to sign in"
        ) from None
    if body.get("errors"):
        raise NotStartedError(body["errors"][0]["message"])
    return body["data"]


def place_of(url: str, job: str) -> dict[str, str]:
    """The code location and repository that have the job."""
    answer = ask(url, JOBS)["repositoriesOrError"]
    nodes = answer.get("nodes", [])
    for node in nodes:
        if any(known["name"] == job for known in node["jobs"]):
            return {"repositoryLocationName": node["location"]["name"], "repositoryName": node["name"]}
    known = sorted(found["name"] for node in nodes for found in node["jobs"] if not found["name"].startswith("__"))
    raise NotStartedError(answer.get("message") or f"there is no job {job}; there are: {', '.join(known) or 'none'}")


def start(url: str, job: str, *, assets: list[str], config: dict[str, Any], days: str | None) -> str:
    """Start a run of a job, or of some of its assets, and return its id.

    `config` is by asset; `days` are one day, or the first and the last joined by `...`.
    """
    selector: dict[str, Any] = {**place_of(url, job), "jobName": job}
    if assets:
        selector["assetSelection"] = [{"path": asset.split("/")} for asset in assets]
    tags = {"user": getpass.getuser()}
    if days:
        first, _, last = days.partition("...")
        tags |= {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
    execution = {
        "selector": selector,
        "runConfigData": {"ops": {asset.replace("/", "__"): {"config": values} for asset, values in config.items()}},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    answer = ask(url, LAUNCH, execution=execution)["launchRun"]
    if answer["__typename"] != "LaunchRunSuccess":
        errors = answer.get("errors") or [answer]
        raise NotStartedError("; ".join(error.get("message", answer["__typename"]) for error in errors))
    return str(answer["run"]["runId"])


def follow(url: str, run_id: str, *, seconds: float = 1.0) -> str:
    """Print what the run says until it has ended; returns how it did."""
    cursor = None
    while True:
        answer = ask(url, FOLLOW, run=run_id, cursor=cursor)
        if "status" not in answer["runOrError"]:
            raise NotStartedError(answer["runOrError"].get("message") or f"there is no run {run_id}")
        events = answer["logsForRun"]
        cursor = events["cursor"]
        for event in events["events"]:
            failure = (event.get("failureMetadata") or {}).get("description")
            if failure or event.get("level") in ("INFO", "WARNING", "ERROR", "CRITICAL"):
                print(failure or event["message"], flush=True)
        status = str(answer["runOrError"]["status"])
        if status in ENDED and not events["events"]:
            return status
        time.sleep(seconds)


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", help="ingest, refine or daily_gold_and_publish")
    parser.add_argument("--asset", action="append", default=[], help="only this asset of the job; may be repeated")
    parser.add_argument("--config", type=json.loads, default={}, help="run config by asset, as JSON")
    parser.add_argument("--days", help="YYYY-MM-DD, or the first and the last joined by ...")
    url = os.environ.get("DAGSTER_URL", "http://127.0.0.1:3000")
    parser.add_argument("--url", default=url, help=f"where the Dagster UI is; else DAGSTER_URL says it ({url})")
    given = parser.parse_args(arguments)
    url = given.url.rstrip("/")
    try:
        run_id = start(url, given.job, assets=given.asset, config=given.config, days=given.days)
    except (NotStartedError, OSError, ValueError) as error:
        print(f"not started: {error}", file=sys.stderr)
        return 2
    print(f"{url}/runs/{run_id}", flush=True)
    try:
        status = follow(url, run_id)
    except (NotStartedError, OSError, ValueError) as error:
        print(f"lost contact with the run: {error}", file=sys.stderr)
        return 3
    print(status)
    return ENDED[status]


if __name__ == "__main__":
    sys.exit(main())

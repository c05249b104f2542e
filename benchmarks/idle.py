"""What a deployment costs while nothing arrives: CPU seconds a minute of each of its processes, and looks of sensors.

Runs what benchmarks.latency runs, until the first exports are in and nothing is missing; then it watches for a while.
Without PostgreSQL and DynamoDB.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psutil  # type: ignore[import-untyped]
import typer
from rich.console import Console

from benchmarks.latency import LAUNCHES, first_exports, kind_of, services, wait_until_complete
from benchmarks.measuring import Line, report
from benchmarks.usage import Usage
from medallion_assets.settings import load_settings

WATCHED_SECONDS = 180.0
SETTLING_SECONDS = 45.0
"""Sensors look once more at what the last run left, and processes finish what they began."""
PARTS = {"grpc": "code server", "--workspace": "daemon", "dagster-webserver": "web server"}
FORK_SERVER = "medallion_assets.orchestration.runs.forks"
TICKS = """{ sensorsOrError(repositorySelector: {
  repositoryLocationName: "medallion_assets", repositoryName: "__repository__" }) { ... on Sensors { results {
    name sensorState { ticks(limit: 500) { timestamp } } } } } }"""


def part_of(process: psutil.Process) -> str:
    """Which process of the deployment it is."""
    words = process.cmdline()
    if FORK_SERVER in words:
        return "fork server"
    return next((part for word, part in PARTS.items() if word in words), kind_of(process))


def run(tell: Callable[[str], None] = lambda _: None, *, seconds: float = WATCHED_SECONDS) -> list[Line]:
    """CPU seconds a minute by process, and ticks a minute by sensor."""
    with (
        tempfile.TemporaryDirectory(prefix="medallion-idle-") as folder,
        services(Path(folder), LAUNCHES[-1]) as (daemon, destination),
    ):
        landed = first_exports(load_settings(daemon.environment).raw_url, datetime.now(UTC))
        tell("the first exports, and everything they fill")
        daemon.start()
        wait_until_complete(destination, landed)
        time.sleep(SETTLING_SECONDS)
        tell(f"watching for {seconds:.0f} s")
        with Usage(daemon.pid, part_of) as usage:
            began, before = time.time(), usage.seconds()
            time.sleep(seconds)
            after, ended = usage.seconds(), time.time()
        minutes = (ended - began) / 60
        used = {part: (spent - before.get(part, 0.0)) / minutes for part, spent in after.items()}
        sensors = daemon.ask(TICKS)["sensorsOrError"]["results"]
        looks = {
            sensor["name"]: sum(began <= tick["timestamp"] < ended for tick in sensor["sensorState"]["ticks"]) / minutes
            for sensor in sensors
        }
    return [
        Line("idle", "CPU a minute", sum(used.values()), "s"),
        *(Line("idle", f"CPU a minute: {part}", spent, "s") for part, spent in sorted(used.items())),
        Line("idle", "looks of sensors a minute", sum(looks.values()), ""),
        *(Line("idle", f"looks a minute: {name}", count, "") for name, count in sorted(looks.items())),
    ]


def main(
    seconds: Annotated[
        float, typer.Option(help="For how many seconds the idle deployment is measured.")
    ] = WATCHED_SECONDS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure what an idle deployment costs; about five minutes."""
    with Console(stderr=True).status("") as status:
        lines = run(status.update, seconds=seconds)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

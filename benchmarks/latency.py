"""From an export that is visible to figures in DynamoDB, with the production deployment: what each leg takes, and CPU.

Runs code server, daemon and web server on PostgreSQL and Amazon's DynamoDB Local (`.ci/services` says what they need)
with timers of 0. Exports land one after another at moments that no sensor knows; each is waited for until nothing is
missing. The same exports land once for each way in which runs get their processes (LAUNCHES).
Stages are read from operations.pipeline_runs and runs from Dagster's events afterwards, so that looking on costs the
pipeline nothing. CPU seconds are those of the deployment, without PostgreSQL and DynamoDB: of all the time until the
next export lands, so sensors that find nothing are in them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from pathlib import Path
from random import Random
from statistics import median
from typing import Annotated

import polars as pl
import psutil  # type: ignore[import-untyped]
import typer
from rich.console import Console

from benchmarks.legs import LEGS, read_moments, seconds_of
from benchmarks.measuring import CATALOG, Line, report
from benchmarks.usage import Usage
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.pipeline_runs import ENDED_AT, Outcome, read_attempts
from medallion_assets.pipelines.transactions.samples.history import write_opening_export
from medallion_assets.pipelines.transactions.samples.next_exports import write_next_exports
from medallion_assets.pipelines.transactions.samples.places import exports_of
from medallion_assets.settings import load_settings
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets_tests.end_to_end.arrival import Destination
from medallion_assets_tests.services.daemon import FORKED, Deployment, deployment
from medallion_assets_tests.services.dynamodb_local import dynamodb_local
from medallion_assets_tests.services.postgres import postgres_server
from medallion_assets_tests.services.processes import ServiceMissingError

EXPORTS = 20
RECORDS = 900
SHOP = {"transactions": 50_000, "customers": 1_000, "days": 60}
"""The size of the demo; an export of it is a day's."""
SEED = 7
LOOP_SECONDS = 5.0
"""Sensors look every 5 seconds; an export lands anywhere in between."""
PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 1.0
LIMITS = {"enriched": 10.0, "published": 20.0}
"""What 95 of 100 exports are to keep, in seconds since the export was visible."""
LAST_STAGES = {
    "enriched": ("silver.enriched_transactions",),
    "published": ("serving.daily_sales_metrics", "serving.customer_ltv_metrics"),
}
"""The stages whose last end closes a part; the legs of each part begin where the one before it ends."""
PASSED, RUN = "since the export was visible", "run"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A way in which runs get their processes, by settings of the deployment."""

    name: str
    environment: Mapping[str, str]


LAUNCHES = (
    Launch(name="spawned", environment={"MEDALLION_FORK_RUNS": "no"}),
    Launch(name="forked", environment={"MEDALLION_FORK_RUNS": "yes"}),
)
"""The last is what ships: it has to keep the limits."""


@dataclass(frozen=True)
class Arrival:
    """When an export was visible, and when nothing lacked any more."""

    visible_at: datetime
    complete_at: datetime


def run(
    *, tell: Callable[[str], None] = lambda _: None, exports: int = EXPORTS, keep: Path | None = None
) -> list[Line]:
    """Measure; the median and the 95th percentile of each part and of its legs; nothing where a service is missing.

    `keep` names a folder that holds the deployments afterwards, else a temporary one does while they run.
    """
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="medallion-latency-") as folder:
        for launch in LAUNCHES:
            say = partial(_tell, tell, launch)
            try:
                with services((keep or Path(folder)) / launch.name, launch) as (daemon, destination):
                    lines += _measure(daemon, destination, launch, exports, say)
            except ServiceMissingError as missing:
                say(str(missing))
                return []
    return lines


def _tell(tell: Callable[[str], None], launch: Launch, what: str) -> None:
    tell(f"latency, {launch.name}: {what}")


@contextmanager
def services(folder: Path, launch: Launch) -> Iterator[tuple[Deployment, Destination]]:
    """A deployment in an empty folder that is not started yet, and where its figures are to arrive."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"latency: {folder} is not empty; name a folder of its own for the deployments")
    with dynamodb_local(folder) as dynamodb, postgres_server() as postgres:
        environment = {
            **dynamodb.environment,
            "DAGSTER_POSTGRES_URL": postgres.make_database(),
            "MEDALLION_TIMERS": "none",
            "MEDALLION_CREATE_TABLES": "yes",
            **launch.environment,
        }
        with deployment(folder, environment) as daemon:
            lakehouse = Lakehouse(catalog=CATALOG, url=load_settings(daemon.environment).lakehouse_url)
            yield daemon, Destination(lakehouse, dynamodb.client)


def _measure(
    daemon: Deployment, destination: Destination, launch: Launch, count: int, tell: Callable[[str], None]
) -> list[Line]:
    raw_url, random = load_settings(daemon.environment).raw_url, Random(SEED)
    landed = first_exports(raw_url, datetime.now(UTC))
    tell("the first exports, and everything they fill")
    daemon.start()
    wait_until_complete(destination, landed)
    arrivals = []
    with Usage(daemon.pid, kind_of) as usage:
        before = usage.seconds()
        for number in range(count):
            tell(f"export {number + 1} of {count}")
            time.sleep(random.uniform(0, LOOP_SECONDS))
            landed += write_next_exports(raw_url, now=datetime.now(UTC), seed=SEED, records=RECORDS)
            visible_at = datetime.now(UTC)
            arrivals.append(Arrival(visible_at, wait_until_complete(destination, landed)))
        used = {kind: (seconds - before.get(kind, 0.0)) / count for kind, seconds in usage.seconds().items()}
    attempts = read_attempts(destination.lakehouse)
    found = [_parts(daemon, attempts, arrival) for arrival in arrivals]
    return [
        *_lines(found, launch),
        Line("latency", f"{launch.name}, CPU an export", sum(used.values()), "s"),
        Line("latency", f"{launch.name}, CPU an export: of runs", used.get(RUN, 0.0), "s"),
    ]


def first_exports(raw_url: str, now: datetime) -> list[Export]:
    """Land a full export of each table."""
    at = now.replace(microsecond=0) - timedelta(seconds=1)
    return [
        write_opening_export(exports_of(raw_url, table.short_name), table=table.short_name, seed=SEED, at=at, **SHOP)
        for table in CATALOG.loaded_tables
    ]


def wait_until_complete(destination: Destination, landed: Sequence[Export]) -> datetime:
    """When everything of these exports is where it belongs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while lacking := destination.lacks(landed):
        if time.monotonic() > deadline:
            raise SystemExit(f"latency: not complete after {PATIENCE_SECONDS:.0f} s: {'; '.join(lacking)}")
        time.sleep(LOOK_SECONDS)
    return datetime.now(UTC)


def kind_of(process: psutil.Process) -> str:
    """Whether a process carries out a run, or belongs to the deployment: its command says so, or the name of a fork."""
    return RUN if process.name() == FORKED or "execute_run" in process.cmdline() else "service"


def _parts(daemon: Deployment, attempts: pl.DataFrame, arrival: Arrival) -> dict[str, dict[str, float]]:
    """How long an export took to the end of each part, and the legs of that part; seconds, by what they are of."""
    done = attempts.filter(pl.col("outcome") == Outcome.SUCCEEDED).with_columns(ENDED_AT.alias("ended_at"))
    during = done.filter(pl.col("ended_at").is_between(arrival.visible_at, arrival.complete_at)).sort("ended_at")
    found, since = {}, arrival.visible_at
    for part, stages in LAST_STAGES.items():
        ends = during.filter(pl.col("stage").is_in(stages))
        assert ends.height, f"no attempt of {stages} between {arrival.visible_at} and {arrival.complete_at}"
        run_id, until = ends.select("run_id", "ended_at").row(-1)
        passed = (until - arrival.visible_at).total_seconds()
        found[part] = {PASSED: passed, **seconds_of(since, read_moments(daemon, run_id), until)}
        since = until
    return found


def _lines(found: Sequence[Mapping[str, Mapping[str, float]]], launch: Launch) -> Iterator[Line]:
    for part, limit in LIMITS.items():
        for what in (PASSED, *LEGS):
            seconds = sorted(export[part][what] for export in found)
            high = seconds[ceil(0.95 * len(seconds)) - 1]  # by nearest rank
            is_held = what == PASSED and launch is LAUNCHES[-1]
            yield Line("latency", f"{launch.name}, {part}: {what}, median", median(seconds), "s")
            yield Line("latency", f"{launch.name}, {part}: {what}, p95", high, "s", at_most=limit if is_held else None)


def main(
    exports: Annotated[int, typer.Option(help="How many exports land.")] = EXPORTS,
    keep: Annotated[Path | None, typer.Option(help="A new folder for the deployments, to look at them after.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the latency of the production deployment; about ten minutes for each way of launching."""
    with Console(stderr=True).status("") as status:
        lines = run(tell=status.update, exports=exports, keep=keep)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

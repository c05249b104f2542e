"""From an export that is visible to figures in DynamoDB, with the production deployment: how long each leg takes.

Runs code server, daemon and web server on PostgreSQL and Amazon's DynamoDB Local (`.ci/services` says what they need)
with timers of 0. Exports land one after another at moments that no sensor knows; each is waited for until nothing is
missing.
The legs are read from operations.pipeline_runs afterwards, so that looking on costs the pipeline nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from random import Random
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from benchmarks.measuring import CATALOG, Line, report
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.pipeline_runs import Outcome, read_attempts
from medallion_assets.pipelines.transactions.samples.history import write_opening_export
from medallion_assets.pipelines.transactions.samples.next_exports import write_next_exports
from medallion_assets.pipelines.transactions.samples.places import exports_of
from medallion_assets.settings import load_settings
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets_tests.end_to_end.arrival import Destination
from medallion_assets_tests.services.daemon import Deployment, deployment
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
LIMITS = {"bronze": None, "enriched": 20.0, "gold": None, "published": 45.0}
"""Legs, with what 95 of 100 exports are to keep, in seconds since the export was visible."""
LAST_STAGES = {
    "bronze": ("bronze.customer_transactions", "bronze.customers"),
    "enriched": ("silver.enriched_transactions",),
    "gold": ("gold.daily_sales_summary", "gold.customer_ltv"),
    "published": ("serving.daily_sales_metrics", "serving.customer_ltv_metrics"),
}
"""The stages whose last end closes a leg."""


@dataclass(frozen=True)
class Arrival:
    """When an export was visible, and when nothing lacked any more."""

    visible_at: datetime
    complete_at: datetime


def run(
    *, tell: Callable[[str], None] = lambda _: None, exports: int = EXPORTS, keep: Path | None = None
) -> list[Line]:
    """Measure; a line for the median and the 95th percentile of each leg, none where a service is missing.

    `keep` names a folder that holds the deployment afterwards, else a temporary one does while it runs.
    """
    with tempfile.TemporaryDirectory(prefix="medallion-latency-") as folder:
        try:
            with _services(keep or Path(folder)) as (daemon, destination):
                arrivals = _land_all(daemon, destination, exports, tell)
                return list(_lines(read_attempts(destination.lakehouse), arrivals))
        except ServiceMissingError as missing:
            tell(f"latency: {missing}")
            return []


@contextmanager
def _services(folder: Path) -> Iterator[tuple[Deployment, Destination]]:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"latency: {folder} is not empty; name a folder of its own for the deployment")
    with dynamodb_local(folder) as dynamodb, postgres_server() as postgres:
        environment = {
            **dynamodb.environment,
            "DAGSTER_POSTGRES_URL": postgres.make_database(),
            "MEDALLION_TIMERS": "none",
            "MEDALLION_CREATE_TABLES": "yes",
        }
        with deployment(folder, environment) as daemon:
            lakehouse = Lakehouse(catalog=CATALOG, url=load_settings(daemon.environment).lakehouse_url)
            yield daemon, Destination(lakehouse, dynamodb.client)


def _land_all(daemon: Deployment, destination: Destination, count: int, tell: Callable[[str], None]) -> list[Arrival]:
    raw_url, random = load_settings(daemon.environment).raw_url, Random(SEED)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    landed = [
        write_opening_export(exports_of(raw_url, table.short_name), table=table.short_name, seed=SEED, at=at, **SHOP)
        for table in CATALOG.loaded_tables
    ]
    tell("latency: the first exports, and everything they fill")
    daemon.start()
    _wait(destination, landed)
    arrivals = []
    for number in range(count):
        tell(f"latency: export {number + 1} of {count}")
        time.sleep(random.uniform(0, LOOP_SECONDS))
        landed += write_next_exports(raw_url, now=datetime.now(UTC), seed=SEED, records=RECORDS)
        visible_at = datetime.now(UTC)
        arrivals.append(Arrival(visible_at, _wait(destination, landed)))
    return arrivals


def _wait(destination: Destination, landed: Sequence[Export]) -> datetime:
    """When everything of these exports is where it belongs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while lacking := destination.lacks(landed):
        if time.monotonic() > deadline:
            raise SystemExit(f"latency: not complete after {PATIENCE_SECONDS:.0f} s: {'; '.join(lacking)}")
        time.sleep(LOOK_SECONDS)
    return datetime.now(UTC)


def _lines(attempts: pl.DataFrame, arrivals: Sequence[Arrival]) -> Iterator[Line]:
    ended = pl.col("started_at") + pl.duration(microseconds=pl.col("duration_seconds") * 1_000_000)
    done = attempts.filter(pl.col("outcome") == Outcome.SUCCEEDED).with_columns(ended.alias("ended_at"))
    for leg, stages in LAST_STAGES.items():
        seconds = pl.Series([_seconds(done, stages, one) for one in arrivals])
        what = f"{len(arrivals)} exports of both tables, visible -> {leg}"
        median, high = seconds.median(), seconds.sort()[ceil(0.95 * len(seconds)) - 1]  # by nearest rank
        yield Line("latency", f"{what}, median", float(median), "s")
        yield Line("latency", f"{what}, p95", float(high), "s", at_most=LIMITS[leg])


def _seconds(done: pl.DataFrame, stages: Sequence[str], arrival: Arrival) -> float:
    """From visible to the end of the last attempt of some stages before everything was complete."""
    during = pl.col("ended_at").is_between(arrival.visible_at, arrival.complete_at)
    last = done.filter(during & pl.col("stage").is_in(stages))["ended_at"].max()
    assert isinstance(last, datetime), f"no attempt of {stages} between {arrival.visible_at} and {arrival.complete_at}"
    return (last - arrival.visible_at).total_seconds()


def main(
    exports: Annotated[int, typer.Option(help="How many exports land.")] = EXPORTS,
    keep: Annotated[Path | None, typer.Option(help="A new folder for the deployment, to look at it after.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the latency of the production deployment; about a quarter of an hour."""
    with Console(stderr=True).status("") as status:
        lines = run(tell=status.update, exports=exports, keep=keep)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

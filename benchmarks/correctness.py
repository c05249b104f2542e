"""What is in the lakehouse beside what is in DynamoDB, for the project and for what a user would take instead.

Each scenario is a generated history of one busy table: a full export, then incremental windows. Every contestant gets
the same files in the same order, one job an export, and its table is compared with the real one. What is counted is
summed over several histories; on Spark, where jobs of seconds take most of the time, over fewer.

Belongs here: running the contestants and printing what differs.
Does not: the histories (scenarios.py), the comparing (comparison.py), or the peers' code (peers).
"""

from __future__ import annotations

import json as json_format
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.console import Console
from rich.table import Table as Printed

from benchmarks.comparison import Differences, compare, real_state, typed
from benchmarks.measuring import CATALOG
from benchmarks.peers.deliveries import Delivery
from benchmarks.peers.delta_merge import DeltaMerge
from benchmarks.peers.iceberg_merge import IcebergMerge
from benchmarks.peers.session import missing, peer_session
from benchmarks.scenarios import Scenario, scenarios
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.spark import spark_settings
from medallion_assets_tests.oracle.decode import KEYS, Row
from medallion_assets_tests.pipeline import declared

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLE = CUSTOMER_TRANSACTIONS
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BUSINESS = [column.name for column in TABLE.decoded_columns]
WINDOWS = 3
EVERY_SECONDS = 2.5
FIRST_SEED = 11
SEEDS = 8
SEEDS_ON_SPARK = 1
WIDTH = 160
"""Of the table where no terminal says it."""


class EngineName(StrEnum):
    """On what this project computes."""

    POLARS = "polars"
    SPARK = "spark"


COUNTED = {
    "lost": "lost",
    "deleted_kept": "deleted, kept",
    "old_states": "old states",
    "rows_of_nulls": "rows of nulls",
    "duplicates": "duplicates",
}


class Contestant(Protocol):
    """Whoever makes a table from exports."""

    name: str

    def take(self, delivery: Delivery) -> str | None:
        """Load one export; why it was refused or failed, if it was."""

    def rows(self) -> list[Row]:
        """The live rows, typed as Silver is."""


class Ours:
    """The project: ingest and refine, on one of its engines."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.name = f"medallion_assets ({engine.name.capitalize()})"
        self._raw = str(root / "raw")
        self._lakehouse = Lakehouse(catalog=CATALOG, url=str(root / "lakehouse"), engine=engine)

    def take(self, delivery: Delivery) -> str | None:
        """Both stages look for themselves at what lies there."""
        loaded = declared(TABLE)
        done = ingest(self._lakehouse, self._raw, loaded, now=NOW)
        refined = refine(self._lakehouse, loaded, now=NOW)
        refused = [refusal.verdict for refusal in done.refused if refusal.export_id == delivery.export_id]
        return ", ".join(refused) or (str(refined.failing) if refined.failing else None)

    def rows(self) -> list[Row]:
        """Silver without tombstones."""
        snapshot = self._lakehouse.open(TABLE)
        live = snapshot.scan().collect().to_dicts()
        return [{name: row[name] for name in BUSINESS} for row in live if not row["is_deleted"]]


class Peer:
    """A peer on Spark; a job that raises is one that its scheduler reports."""

    def __init__(self, peer: DeltaMerge | IcebergMerge) -> None:
        self.name, self._peer = peer.name, peer

    def take(self, delivery: Delivery) -> str | None:
        """One job."""
        try:
            self._peer.load(delivery)
        except Exception as error:  # noqa: BLE001 - whatever ends the job is seen by whoever watches it
            return str(error).partition("\n")[0]
        return None

    def rows(self) -> list[Row]:
        """Its table."""
        return [typed(TABLE.short_name, row) for row in self._peer.rows()]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One contestant after one history; `said` is what it refused or failed with, in the order of the exports."""

    scenario: str
    seed: int
    contestant: str
    differences: Differences
    said: list[str]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Which histories are played: of so many windows, from so many seeds; `only` one scenario."""

    windows: int = WINDOWS
    every_seconds: float = EVERY_SECONDS
    seeds: int = SEEDS
    only: str | None = None

    @property
    def scenarios(self) -> Iterator[Scenario]:
        """Those of every seed."""
        for seed in range(FIRST_SEED, FIRST_SEED + self.seeds):
            for scenario in scenarios(windows=self.windows, every_seconds=self.every_seconds, seed=seed):
                if self.only in (None, scenario.name):
                    yield scenario


Tell = Callable[[str], None]


def play(contestant: Contestant, scenario: Scenario, raw: Path) -> Outcome:
    """Deliver, load, compare. A broken export that was refused is delivered whole in the end, and loaded again."""
    said, whole = list[str](), []
    for landing in scenario.landings:
        refused = contestant.take(landing.land(raw))
        if refused is not None:
            said.append(refused)
            if landing.broken:
                whole.append(landing.mended)
    said += [refused for landing in whole if (refused := contestant.take(landing.land(raw))) is not None]
    taken = scenario.history
    differences = compare(KEYS[TABLE.short_name], real_state(taken.real, taken.end), contestant.rows())
    return Outcome(
        scenario=scenario.name, seed=scenario.seed, contestant=contestant.name, differences=differences, said=said
    )


def ours(run: Run, engine: EngineName = EngineName.POLARS, tell: Tell = lambda _: None) -> list[Outcome]:
    """Every scenario, for this project on an engine."""
    outcomes = []
    for scenario in run.scenarios:
        with _folder() as root:
            contestant = Ours(root, _engine(engine))
            tell(f"{scenario.name}, {scenario.seed}: {contestant.name}")
            outcomes.append(play(contestant, scenario, root / "raw"))
    return outcomes


def peers(run: Run, tell: Tell = lambda _: None) -> list[Outcome]:
    """Every scenario, for the peers."""
    outcomes = []
    with _folder() as warehouse:
        spark = peer_session(warehouse, is_small=True)
        try:
            for number, scenario in enumerate(run.scenarios):
                with _folder() as root:
                    for which, peer in enumerate(_peers(spark, root, number)):
                        tell(f"{scenario.name}, {scenario.seed}: {peer.name}")
                        outcomes.append(play(Peer(peer), scenario, root / "raw" / str(which)))
        finally:
            spark.stop()
    return outcomes


def _engine(name: EngineName) -> Engine:
    if name is EngineName.POLARS:
        return PolarsEngine()
    from medallion_assets.engines.spark.engine import SparkEngine

    return SparkEngine(settings=spark_settings(inherited_environment()))


def _peers(spark: SparkSession, root: Path, number: int) -> tuple[DeltaMerge | IcebergMerge, ...]:
    return (
        DeltaMerge(spark, root / "delta"),
        DeltaMerge(spark, root / "delta-by-time", by_write_time=True),
        IcebergMerge(spark, f"transactions_{number}"),
    )


@contextmanager
def _folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="correctness-"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def printed(outcomes: Iterable[Outcome]) -> Printed:
    """The outcomes as a table for people: a line a scenario and contestant, summed over the histories."""
    table = Printed("scenario", "by", "histories", "items", *COUNTED.values(), "said so")
    by_line = sorted(outcomes, key=_line)
    for (scenario, contestant), group in groupby(by_line, key=_line):
        played = list(group)
        items = sum(outcome.differences.items for outcome in played)
        counts = [str(sum(getattr(outcome.differences, name) for outcome in played)) for name in COUNTED]
        said = "\n".join(dict.fromkeys(text for outcome in played for text in outcome.said)) or "-"
        table.add_row(scenario, contestant, str(len(played)), f"{items:,}", *counts, said)
    return table


def _line(outcome: Outcome) -> tuple[str, str]:
    return outcome.scenario, outcome.contestant


def main(
    *,
    windows: int = WINDOWS,
    every_seconds: Annotated[float, typer.Option(help="How often the table is written to.")] = EVERY_SECONDS,
    engine: Annotated[list[EngineName] | None, typer.Option(help="Ours; may be repeated; polars.")] = None,
    seeds: Annotated[int, typer.Option(help="Histories of each scenario.")] = SEEDS,
    seeds_on_spark: Annotated[int, typer.Option(help="How many of them on Spark, ours and the peers'.")] = (
        SEEDS_ON_SPARK
    ),
    only: Annotated[str | None, typer.Option(help="One scenario, by its name.")] = None,
    peer: Annotated[bool, typer.Option("--peers/--no-peers", help="Run the peers too.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run every scenario and print what differs."""
    if peer and (lacking := missing()) is not None:
        raise typer.BadParameter(f"the peers cannot run: {lacking}; or leave them out with --no-peers")
    few = Run(windows=windows, every_seconds=every_seconds, seeds=seeds_on_spark, only=only)
    with Console(stderr=True).status("") as status:
        outcomes = []
        for name in dict.fromkeys(engine or [EngineName.POLARS]):
            if name is EngineName.POLARS:
                outcomes += ours(replace(few, seeds=seeds), tell=status.update)
            else:  # the peers' session has other jars: each in a process of its own
                status.update(f"medallion_assets on {name}")
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                    outcomes += process.submit(ours, few, name).result()
        outcomes += peers(few, status.update) if peer else []
    if json:
        print(json_format.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(printed(outcomes))


if __name__ == "__main__":
    typer.run(main)

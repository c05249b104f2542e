"""What is in the lakehouse beside what is in DynamoDB, for the project and for what a user would take instead.

Each scenario is a generated history of one busy table: a full export, then incremental windows. Every contestant gets
the same files in the same order, one job an export, and its table is compared with the real one.

Belongs here: running the contestants and printing what differs.
Does not: the histories (scenarios.py), the comparing (comparison.py), or the peers' code (peers).
"""

from __future__ import annotations

import json as json_format
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
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
from benchmarks.scenarios import LATE, SCENARIOS, Deliver, history, in_order
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets_tests.oracle.decode import KEYS, Row
from medallion_assets_tests.oracle.real_strategies import RealHistory
from medallion_assets_tests.pipeline import declared

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLE = CUSTOMER_TRANSACTIONS
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BUSINESS = [column.name for column in TABLE.decoded_columns]
WINDOWS = 3
EVERY_SECONDS = 2.5
SEED = 11
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
    """The project: ingest and refine, on the Polars engine."""

    name = "medallion_assets (Polars)"

    def __init__(self, root: Path) -> None:
        self._raw, self._lakehouse = str(root / "raw"), Lakehouse(catalog=CATALOG, url=str(root / "lakehouse"))

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
    """One contestant after one scenario; `said` is what it refused or failed with, in the order of the exports."""

    scenario: str
    contestant: str
    differences: Differences
    said: list[str]


Tell = Callable[[str], None]


def play(contestant: Contestant, scenario: str, taken: RealHistory, deliver: Deliver, raw: Path) -> Outcome:
    """Deliver, load, compare. A broken export that was refused is delivered whole in the end, and loaded again."""
    said, whole = list[str](), []
    for landing in deliver(taken):
        refused = contestant.take(landing.land(raw))
        if refused is not None:
            said.append(refused)
            if landing.broken:
                whole.append(landing.mended)
    said += [refused for landing in whole if (refused := contestant.take(landing.land(raw))) is not None]
    truth = real_state(taken.real, taken.end)
    differences = compare(KEYS[TABLE.short_name], truth, contestant.rows())
    return Outcome(scenario=scenario, contestant=contestant.name, differences=differences, said=said)


def run(
    *,
    spark: SparkSession | None,
    windows: int = WINDOWS,
    every_seconds: float = EVERY_SECONDS,
    only: str | None = None,
    tell: Tell = lambda _: None,
) -> list[Outcome]:
    """Every scenario, for this project and, if there is a session, for the peers."""
    prompt = history(windows=windows, every_seconds=every_seconds, seed=SEED)
    late = history(windows=windows, every_seconds=every_seconds, seed=SEED, longest_lag=timedelta(minutes=30))
    plays = [*((name, prompt, deliver) for name, deliver in SCENARIOS.items()), (LATE, late, in_order)]
    outcomes = []
    for number, (name, taken, deliver) in enumerate(plays):
        if only not in (None, name):
            continue
        root = Path(tempfile.mkdtemp(prefix="correctness-"))
        contestants: list[tuple[Contestant, Path]] = [(Ours(root / "ours"), root / "ours" / "raw")]
        if spark is not None:
            peers: tuple[DeltaMerge | IcebergMerge, ...] = (
                DeltaMerge(spark, root / "delta"),
                DeltaMerge(spark, root / "delta-by-time", by_write_time=True),
                IcebergMerge(spark, f"transactions_{number}"),
            )
            contestants += [(Peer(peer), root / "peers" / str(which)) for which, peer in enumerate(peers)]
        for contestant, raw in contestants:
            tell(f"{name}: {contestant.name}")
            outcomes.append(play(contestant, name, taken, deliver, raw))
        shutil.rmtree(root)
    return outcomes


def printed(outcomes: list[Outcome]) -> Printed:
    """The outcomes as a table for people."""
    table = Printed("scenario", "items", "by", *COUNTED.values(), "said so")
    for outcome in outcomes:
        counts = [str(getattr(outcome.differences, name)) for name in COUNTED]
        said = "\n".join(outcome.said) or "-"
        table.add_row(outcome.scenario, f"{outcome.differences.items:,}", outcome.contestant, *counts, said)
    return table


def main(
    *,
    windows: int = WINDOWS,
    every_seconds: Annotated[float, typer.Option(help="How often the table is written to.")] = EVERY_SECONDS,
    only: Annotated[str | None, typer.Option(help="One scenario, by its name.")] = None,
    peers: Annotated[bool, typer.Option(help="Run the peers too.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run every scenario and print what differs."""
    if peers and (lacking := missing()) is not None:
        raise typer.BadParameter(f"the peers cannot run: {lacking}; or leave them out with --no-peers")
    warehouse = Path(tempfile.mkdtemp(prefix="correctness-warehouse-"))
    spark = peer_session(warehouse, is_small=True) if peers else None
    try:
        with Console(stderr=True).status("") as status:
            outcomes = run(spark=spark, windows=windows, every_seconds=every_seconds, only=only, tell=status.update)
    finally:
        if spark is not None:
            spark.stop()
        shutil.rmtree(warehouse, ignore_errors=True)
    if json:
        print(json_format.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        Console().print(printed(outcomes))


if __name__ == "__main__":
    typer.run(main)

"""A full export and a window of changes through Bronze and Silver, by the project and what a user would take instead.

Each contestant has a process of its own and the same files. Time is that of the stages; what starting Spark took is
shown apart. CPU and memory are of all processes: the driver, Java, and Spark's workers.

Belongs here: rows, time, CPU and memory.
Does not: whether the tables are right (correctness.py), or the peers' code (peers).
"""

from __future__ import annotations

import json as json_format
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table as Printed

from benchmarks.measuring import CACHE, CATALOG
from benchmarks.peers.deliveries import Delivery
from benchmarks.peers.delta_merge import DeltaMerge
from benchmarks.peers.iceberg_merge import IcebergMerge
from benchmarks.peers.session import missing, peer_session
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.exports import write_sample
from medallion_assets.refining.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets_tests.pipeline import declared

TABLE = CUSTOMER_TRANSACTIONS
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 200_000
FILES = 8
CHANGED_SHARE = 0.05
EVERY_SECONDS = 0.1
MEMORY = "4g"
"""Of the peers' driver, which does all their work."""

Seconds = dict[str, float]
Stage = Callable[[], object]
Clock = Callable[[str, Stage], None]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a contestant took: seconds of wall clock by stage, and of all its processes CPU and the peak of memory."""

    contestant: str
    rows: int
    seconds: Seconds
    cpu_seconds: float
    peak_mb: float


def deliveries(rows: int) -> tuple[Path, list[Delivery]]:
    """The root of a full export of so many transactions and of a window of changes; written once and kept."""
    root, changes = CACHE / f"scale-{rows}", int(rows * CHANGED_SHARE)
    kept = root / "exports.json"
    if not kept.exists():
        shutil.rmtree(root, ignore_errors=True)
        name = TABLE.short_name
        exports = [
            write_sample(str(root), table=name, items=rows, kind="full", seed=1, data_files=FILES),
            write_sample(str(root), table=name, items=changes, kind="incremental", seed=1, data_files=FILES),
        ]
        kept.write_text(json_format.dumps([export.export_id for export in exports]))
    full, window = json_format.loads(kept.read_text())
    place = root / TABLE.short_name
    return root, [Delivery(place, "", full, is_full=True), Delivery(place, "", window, is_full=False)]


def ours(root: Path, loads: Sequence[Delivery], folder: Path, clock: Clock) -> None:
    """The project, on the Polars engine."""
    lakehouse, loaded = Lakehouse(catalog=CATALOG, url=str(folder)), declared(TABLE)
    for load in loads:
        verified = partial(ingest, lakehouse, str(root), loaded, now=NOW, only=[load.export_id])
        clock(_name(load, "Bronze"), verified)
        clock(_name(load, "Silver"), partial(refine, lakehouse, loaded, now=NOW))


def delta(root: Path, loads: Sequence[Delivery], folder: Path, clock: Clock) -> None:
    """The usual code on delta-spark."""
    del root
    spark = peer_session(folder / "warehouse", memory=MEMORY)
    clock("session", spark.range(1).collect)
    peer = DeltaMerge(spark, folder)
    for load in loads:
        clock(_name(load, "Bronze"), partial(peer.bronze, load))
        clock(_name(load, "Silver"), partial(peer.silver, load))


def iceberg(root: Path, loads: Sequence[Delivery], folder: Path, clock: Clock) -> None:
    """The AWS guidance on Iceberg: one table, so no Bronze."""
    del root
    spark = peer_session(folder / "warehouse", memory=MEMORY)
    clock("session", spark.range(1).collect)
    peer = IcebergMerge(spark, "transactions")
    for load in loads:
        clock(_name(load, "Silver"), partial(peer.load, load))


CONTESTANTS: dict[str, Callable[[Path, Sequence[Delivery], Path, Clock], None]] = {
    "medallion_assets (Polars)": ours,
    "Spark, delta-spark": delta,
    "Spark, Iceberg (AWS guidance)": iceberg,
}
STAGES = ("session", "full, Bronze", "full, Silver", "changes, Bronze", "changes, Silver")


def _name(load: Delivery, stage: str) -> str:
    return f"{'full' if load.is_full else 'changes'}, {stage}"


def _play(send: Connection, contestant: str, root: Path, loads: Sequence[Delivery], folder: Path) -> None:
    began, seconds = time.perf_counter(), Seconds()

    def clock(stage: str, work: Stage) -> None:
        start = began if stage == "session" else time.perf_counter()
        work()
        seconds[stage] = time.perf_counter() - start

    CONTESTANTS[contestant](root, loads, folder, clock)
    send.send(seconds)
    send.recv()  # stay, to be measured a last time


def measure(contestant: str, rows: int) -> Cost:
    """Run a contestant in a process of its own, and look at that and all below it ten times a second."""
    root, loads = deliveries(rows)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    process = context.Process(target=_play, args=(there, contestant, root, loads, folder))
    process.start()
    there.close()
    cpu: dict[int, float] = {}
    peak = 0
    try:
        while not here.poll(EVERY_SECONDS):
            peak = max(peak, _look(process.pid, cpu))
        seconds = here.recv()
        peak = max(peak, _look(process.pid, cpu))
        here.send(None)
    except EOFError:
        raise SystemExit(f"{contestant} failed") from None
    finally:
        process.join()
        shutil.rmtree(folder, ignore_errors=True)
    return Cost(
        contestant=contestant, rows=rows, seconds=seconds, cpu_seconds=sum(cpu.values()), peak_mb=peak / 1024 / 1024
    )


def _look(pid: int | None, cpu: dict[int, float]) -> int:
    """Bytes that a process and those below it hold now; what CPU each has used is noted by its id."""
    held = 0
    try:
        top = psutil.Process(pid)
        processes = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in processes:
        try:
            times = process.cpu_times()
            cpu[process.pid] = times.user + times.system
            held += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return held


def printed(costs: Sequence[Cost]) -> Printed:
    """The costs as a table for people."""
    table = Printed("by", "rows", *(f"{stage}, s" for stage in STAGES), "CPU, s", "peak, MB")
    for cost in costs:
        seconds = [f"{cost.seconds[stage]:.1f}" if stage in cost.seconds else "-" for stage in STAGES]
        table.add_row(cost.contestant, f"{cost.rows:,}", *seconds, f"{cost.cpu_seconds:.1f}", f"{cost.peak_mb:,.0f}")
    return table


def main(
    *,
    rows: Annotated[list[int] | None, typer.Option(help="Transactions of the full export; may be repeated.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run every contestant on every size and print what it took."""
    if (lacking := missing()) is not None:
        raise typer.BadParameter(f"the peers cannot run: {lacking}")
    costs = []
    with Console(stderr=True).status("") as status:
        for size in rows or [ROWS]:
            for contestant in CONTESTANTS:
                status.update(f"{size:,} rows: {contestant}")
                costs.append(measure(contestant, size))
    if json:
        print(json_format.dumps([asdict(cost) for cost in costs], indent=2))
    else:
        Console().print(printed(costs))


if __name__ == "__main__":
    typer.run(main)

"""A full export through Bronze and Silver, beside the floor: the same files into one parquet file, nothing checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from benchmarks.measuring import CACHE, CATALOG, Cost, Line, measure, report
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.exports import write_sample
from medallion_assets.refining.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets_tests.pipeline import declared

TABLE = CUSTOMER_TRANSACTIONS.short_name
RECORDS = 2_000_000
FILES = 8
TIMES_LARGER = 4
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BRONZE_AT_MOST = 2.0
BOTH_AT_MOST = 9.0
PEAK_MB_AT_MOST = 1500.0
GROWTH_AT_MOST = 1.3


def sample(records: int, files: int) -> str:
    """The URL of a raw root with one full export; written once and kept."""
    url = CACHE / f"raw-{records}-{files}"
    if not (url / "complete").exists():
        shutil.rmtree(url, ignore_errors=True)
        write_sample(str(url), table=TABLE, items=records, kind="full", seed=1, bad_share=0.001, data_files=files)
        (url / "complete").touch()
    return str(url)


def floor(raw: str, lake: str) -> None:
    """The lines of the same files as one parquet file."""
    files = sorted(Path(raw).glob(f"{TABLE}/**/data/*.gz"))
    target = Path(lake) / "floor.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    pl.scan_lines(files, glob=False).sink_parquet(target)


def bronze(raw: str, lake: str) -> None:
    """Verify and load the export."""
    done = ingest(Lakehouse(catalog=CATALOG, url=lake), raw, declared(CUSTOMER_TRANSACTIONS), now=NOW)
    if len(done.loaded) != 1:
        raise SystemExit(f"the export was not loaded: {done.refused}")


def silver(raw: str, lake: str) -> None:
    """Judge and publish it."""
    del raw
    done = refine(Lakehouse(catalog=CATALOG, url=lake), declared(CUSTOMER_TRANSACTIONS), now=NOW)
    if len(done.applied) != 1:
        raise SystemExit(f"the export was not applied: {done.failing}")


def stages(records: int, files: int, tell: Callable[[str], None]) -> dict[str, Cost]:
    """The cost of each stage, one after the other."""
    tell(f"writing a sample of {records:,} records in {files} files (kept in .cache)")
    raw = sample(records, files)
    lake = CACHE / "throughput-lake"
    shutil.rmtree(lake, ignore_errors=True)
    costs = {}
    for stage in (floor, bronze, silver):
        tell(f"{stage.__name__} of {records:,} records")
        costs[stage.__name__] = measure(stage, raw, str(lake))
    shutil.rmtree(lake)
    return costs


def run(records: int = RECORDS, tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """The ratios to the floor, the peak, and how the peak grows with the export."""
    small = stages(records, FILES, tell)
    large = stages(records * TIMES_LARGER, FILES * TIMES_LARGER, tell)
    least = small["floor"].wall_seconds
    peak = max(small["bronze"].peak_mb, small["silver"].peak_mb)
    peak_large = max(large["bronze"].peak_mb, large["silver"].peak_mb)
    both = small["bronze"].wall_seconds + small["silver"].wall_seconds
    name = "throughput"
    return [
        Line(name, f"floor, {records:,} records", least, "s"),
        Line(name, "Bronze / floor", small["bronze"].wall_seconds / least, "x", BRONZE_AT_MOST),
        Line(name, "Bronze and Silver / floor", both / least, "x", BOTH_AT_MOST),
        Line(name, "peak memory", peak, "MB", PEAK_MB_AT_MOST),
        Line(name, f"peak memory, export {TIMES_LARGER} times as large", peak_large, "MB", PEAK_MB_AT_MOST),
        Line(name, "peak, large / small", peak_large / peak, "x", GROWTH_AT_MOST),
    ]


def main(records: int = RECORDS, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run it and print its table."""
    with Console(stderr=True).status("") as status:
        lines = run(records, status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

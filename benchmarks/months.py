"""Months of e-commerce events through all three layers, beside the floor: the same file scanned into one parquet file.

The floor is what Polars does alone: types guessed, nothing judged, nobody told. Memory is shown for months of 1, 5 and
10 million rows: it does not follow the month.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from benchmarks.measuring import CACHE, Cost, Line, measure, report
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE, EVENTS, REVENUE
from medallion_assets.pipelines.ecommerce.samples.months import month_file, write_month
from medallion_assets.refining.load import ingest
from medallion_assets.refining.refine import refine

MONTH = date(2019, 10, 1)
ROWS = 5_000_000
OTHER_ROWS = (1_000_000, 10_000_000)
"""Of months whose memory is shown beside."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BRONZE_AT_MOST = 2.0
ALL_AT_MOST = 6.0
PEAK_MB_AT_MOST = 1500.0


def sample(rows: int) -> str:
    """The URL of a raw root with one month; written once and kept."""
    url = CACHE / f"months-{rows}"
    if not (url / "complete").exists():
        shutil.rmtree(url, ignore_errors=True)
        write_month(str(url / EVENTS.table.short_name), month=MONTH, rows=rows, seed=1)
        (url / "complete").touch()
    return str(url)


def lakehouse(lake: str) -> Lakehouse:
    """The lakehouse of a run."""
    return Lakehouse(catalog=Catalog((ECOMMERCE,)), url=lake)


def floor(raw: str, lake: str) -> None:
    """The month as one parquet file."""
    target = Path(lake) / "floor.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    pl.scan_csv(Path(raw) / EVENTS.table.short_name / month_file(MONTH)).sink_parquet(target)


def bronze(raw: str, lake: str) -> None:
    """Verify and load it."""
    done = ingest(lakehouse(lake), raw, EVENTS, now=NOW)
    if len(done.loaded) != 1:
        raise SystemExit(f"the month was not loaded: {done.refused}")


def silver(raw: str, lake: str) -> None:
    """Judge and publish it, each event once."""
    del raw
    done = refine(lakehouse(lake), EVENTS, now=NOW)
    if len(done.applied) != 1:
        raise SystemExit(f"the month was not applied: {done.held}")


def gold(raw: str, lake: str) -> None:
    """Revenue by brand."""
    del raw
    build(lakehouse(lake), REVENUE, [MONTH])


def stages(rows: int, tell: Callable[[str], None]) -> dict[str, Cost]:
    """The cost of each stage, one after the other."""
    tell(f"writing a month of {rows:,} rows (kept in .cache)")
    raw, lake = sample(rows), CACHE / "months-lake"
    shutil.rmtree(lake, ignore_errors=True)
    costs = {}
    for stage in (floor, bronze, silver, gold):
        tell(f"{stage.__name__} of {rows:,} rows")
        costs[stage.__name__] = measure(stage, raw, str(lake))
    shutil.rmtree(lake)
    return costs


def run(rows: int = ROWS, tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """The ratios to the floor in CPU seconds, and the peak of memory by the length of the month."""
    costs = stages(rows, tell)
    least = costs["floor"].cpu_seconds
    every = sum(costs[stage].cpu_seconds for stage in ("bronze", "silver", "gold"))
    curve = {rows: costs, **{other: stages(other, tell) for other in OTHER_ROWS}}
    name = "months"
    return [
        Line(name, f"floor, {rows:,} rows", least, "CPU s"),
        Line(name, "Bronze / floor", costs["bronze"].cpu_seconds / least, "x", BRONZE_AT_MOST),
        Line(name, "all three layers / floor", every / least, "x", ALL_AT_MOST),
        *(
            Line(name, f"peak memory, {length:,} rows", _peak(curve[length]), "MB", PEAK_MB_AT_MOST)
            for length in sorted(curve)
        ),
    ]


def _peak(costs: dict[str, Cost]) -> float:
    return max(costs[stage].peak_mb for stage in ("bronze", "silver", "gold"))


def main(rows: int = ROWS, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run it and print its table."""
    with Console(stderr=True).status("") as status:
        lines = run(rows, status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

"""Months of e-commerce events through all three layers, beside the floor: the same file scanned into one parquet file.

The floor is what Polars does alone: types guessed, nothing judged, nobody told. Months of 1, 5 and 10 million rows show
that memory does not follow the month; `--rows 40000000` ends the curve with a month of that length.

One month's tables lie on the disk at a time, and its file; files of over 10 million rows are not kept.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from benchmarks.measuring import Cost, Line, cached, made_once, measure, report
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE, EVENTS, REVENUE
from medallion_assets.pipelines.ecommerce.samples.months import month_file, write_month
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine

MONTH = date(2019, 10, 1)
CURVE = (1_000_000, 5_000_000, 10_000_000)
"""Rows of the months that are measured."""
FLOOR_ROWS = 5_000_000
"""Of the month that is compared with the floor, where it is measured."""
KEPT_ROWS = CURVE[-1]
BYTES_A_ROW = 500
"""Of a month on the disk: its file, its tables, and what waits in the temporary folder."""
LAYERS = ("bronze", "silver", "gold")
BRONZE_AT_MOST = 2.0
ALL_AT_MOST = 6.0
PEAK_MB_AT_MOST = 1500.0


def sample(rows: int) -> str:
    """The URL of a raw root with one month; written once and kept."""

    def make(url: Path) -> None:
        write_month(str(url / EVENTS.table.short_name), month=MONTH, rows=rows, seed=1)

    return str(made_once(f"months-{rows}", make))


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
    done = ingest(lakehouse(lake), raw, EVENTS, now=datetime.now(UTC))
    if len(done.loaded) != 1:
        raise SystemExit(f"the month was not loaded: {done.refused}")


def silver(raw: str, lake: str) -> None:
    """Judge and publish it, each event once."""
    del raw
    done = refine(lakehouse(lake), EVENTS, now=datetime.now(UTC))
    if len(done.applied) != 1:
        raise SystemExit(f"the month was not applied: {done.held}")


def gold(raw: str, lake: str) -> None:
    """Revenue by brand."""
    del raw
    build(lakehouse(lake), REVENUE, [MONTH])


def stages(rows: int, tell: Callable[[str], None]) -> dict[str, Cost]:
    """The cost of each stage, one after the other."""
    tell(f"writing a month of {rows:,} rows (kept in .cache up to {KEPT_ROWS:,})")
    raw, lake = sample(rows), cached("months-lake")
    shutil.rmtree(lake, ignore_errors=True)
    costs = {}
    for stage in (floor, bronze, silver, gold):
        tell(f"{stage.__name__} of {rows:,} rows")
        costs[stage.__name__] = measure(stage, raw, str(lake))
        (lake / "floor.parquet").unlink(missing_ok=True)
    shutil.rmtree(lake)
    if rows > KEPT_ROWS:
        shutil.rmtree(raw)
    return costs


def expect_space(rows: int) -> None:
    """End here if a month may not find room on the disk."""
    needed = rows * BYTES_A_ROW
    cache = cached("")
    cache.mkdir(parents=True, exist_ok=True)
    for place in (cache, Path(tempfile.gettempdir())):
        free = shutil.disk_usage(place).free
        if free < needed:
            raise SystemExit(f"{rows:,} rows need {needed / 1e9:.0f} GB in {place}, which has {free / 1e9:.0f} GB free")


def curve(rows: int, tell: Callable[[str], None]) -> dict[int, dict[str, Cost]]:
    """The costs of months up to one of some rows, by their rows."""
    expect_space(rows)
    return {length: stages(length, tell) for length in (*(shorter for shorter in CURVE if shorter < rows), rows)}


def limits(measured: dict[int, dict[str, Cost]]) -> list[Line]:
    """The ratios to the floor in CPU seconds, and the peak of memory by the length of the month."""
    rows = FLOOR_ROWS if FLOOR_ROWS in measured else max(measured)
    costs, name = measured[rows], "months"
    least = costs["floor"].cpu_seconds
    every = sum(costs[layer].cpu_seconds for layer in LAYERS)
    return [
        Line(name, f"floor, {rows:,} rows", least, "CPU s"),
        Line(name, "Bronze / floor", costs["bronze"].cpu_seconds / least, "x", BRONZE_AT_MOST),
        Line(name, "all three layers / floor", every / least, "x", ALL_AT_MOST),
        *(
            Line(
                name,
                f"peak memory, {length:,} rows",
                max(costs[layer].peak_mb for layer in LAYERS),
                "MB",
                PEAK_MB_AT_MOST,
            )
            for length, costs in measured.items()
        ),
    ]


def by_layer(measured: dict[int, dict[str, Cost]]) -> list[Line]:
    """The curve: seconds and peak memory of each layer, by the length of the month."""
    return [
        line
        for length, costs in measured.items()
        for layer in ("floor", *LAYERS)
        for line in (
            Line("curve", f"{length:,} rows, {layer}", costs[layer].wall_seconds, "s"),
            Line("curve", f"{length:,} rows, {layer}, peak memory", costs[layer].peak_mb, "MB"),
        )
    ]


def run(tell: Callable[[str], None] = lambda _: None) -> list[Line]:
    """What is promised of months."""
    return limits(curve(CURVE[-1], tell))


def main(rows: int = CURVE[-1], json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Measure months up to one of some rows, and print the curve and what is promised of it."""
    with Console(stderr=True).status("") as status:
        measured = curve(rows, status.update)
    report([*by_layer(measured), *limits(measured)], as_json=json)


if __name__ == "__main__":
    typer.run(main)

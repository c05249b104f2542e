"""The same records in 5,000 data files and in 8: DynamoDB writes many files however few the items."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from benchmarks.measuring import Cost, Line, cached, made_once, measure, report
from benchmarks.throughput import TABLE, bronze, sample, silver
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import write_export
from medallion_assets.storage.stores import open_store

TAKEN_AT = datetime(2025, 6, 1, tzinfo=UTC)

RECORDS = 100_000
MANY, FEW = 5_000, 8
TIMES_AT_MOST = 1.5
ROUNDS = 3
"""The least of some rounds counts: both take about a second."""


def split(records: int, files: int) -> str:
    """The URL of a raw root with the records of the sample in few files, in many; written once and kept."""
    few = Path(sample(records, FEW))

    def make(url: Path) -> None:
        lines = pl.scan_lines(sorted(few.glob(f"{TABLE}/**/data/*.gz")), name="raw", glob=False).collect()["raw"]
        edges = [records * number // files for number in range(files + 1)]
        write_export(
            open_store(f"{url}/{TABLE}"),
            table_name=TABLE,
            export_type=ExportType.FULL,
            from_at=TAKEN_AT,
            to_at=TAKEN_AT,
            files=(lines[begin:stop].to_list() for begin, stop in pairwise(edges)),
            gzip_level=1,
        )

    return str(made_once(f"split-{records}-{files}", make))


def stages(records: int, files: int, tell: Callable[[str], None]) -> dict[str, Cost]:
    """The cost of Bronze, and of Silver after it."""
    raw, lake = split(records, files), cached("small-files-lake")
    costs: dict[str, Cost] = {}
    for number in range(ROUNDS):
        tell(f"{records:,} records in {files:,} data files, round {number + 1}")
        shutil.rmtree(lake, ignore_errors=True)
        for stage in (bronze, silver):
            cost = measure(stage, raw, str(lake))
            best = costs.setdefault(stage.__name__, cost)
            costs[stage.__name__] = min(best, cost, key=lambda measured: measured.cpu_seconds)
    shutil.rmtree(lake)
    return costs


def run(tell: Callable[[str], None] = lambda _: None, *, records: int = RECORDS, files: int = MANY) -> list[Line]:
    """CPU seconds of both, of each stage and together, and their ratio."""
    many, few = stages(records, files, tell), stages(records, FEW, tell)
    name = "small files"
    lines = [
        Line(name, f"{stage}: CPU, {number:,} files", costs[stage].cpu_seconds, "s")
        for stage in ("bronze", "silver")
        for number, costs in ((FEW, few), (files, many))
    ]
    total_many, total_few = (sum(cost.cpu_seconds for cost in costs.values()) for costs in (many, few))
    what = f"Bronze and Silver: CPU, {files:,} files / {FEW} files of {records:,} records"
    return [*lines, Line(name, what, total_many / total_few, "x", TIMES_AT_MOST)]


def main(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run it and print its table."""
    with Console(stderr=True).status("") as status:
        lines = run(status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

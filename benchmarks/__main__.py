"""`make bench`: every benchmark in turn, one table; exit code 1 when a limit is missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import (
    large_items,
    latency,
    months,
    publish,
    scrub,
    small_files,
    star_schema,
    throughput,
    trigger_tick,
    upsert,
)
from benchmarks.measuring import Line, report

BENCHMARKS: tuple[Callable[..., list[Line]], ...] = (
    throughput.run,
    small_files.run,
    large_items.run,
    months.run,
    upsert.run,
    scrub.run,
    publish.run,
    star_schema.run,
    trigger_tick.run,
    latency.run,
)


def main(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Run all benchmarks; they take about half an hour."""
    lines: list[Line] = []
    with Console(stderr=True).status("") as status:
        for benchmark in BENCHMARKS:
            lines += benchmark(tell=status.update)
    report(lines, as_json=json)


if __name__ == "__main__":
    typer.run(main)

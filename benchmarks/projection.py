"""What a very large table takes on Spark, from what small ones took: the arithmetic, line by line.

Costs are CPU seconds of all processes per million rows, as `benchmarks.scale --json` gives them at two sizes: what the
larger one took more is due to its rows. They hold for items of the benchmark's size; larger ones count as several.

Belongs here: multiplying.
Does not: measuring (scale.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Printed

from medallion_assets.engines.remote import BOUNDS

ITEM_BYTES = 250
"""Of an item of the benchmarks, as DynamoDB counts: names and values."""
CHANGED = "changes, "
TB = 10**12
STAGES = ("Bronze", "Silver", "enriched", "Gold")


@dataclass(frozen=True, kw_only=True)
class Costs:
    """CPU seconds per million rows.

    `full` of a full export into empty tables, by stage; `window` of taking a window in that changes a tenth of the rows
    and touches every day, per million rows that the table has; `look` of looking for keys among the table's, once.
    """

    full: Mapping[str, float]
    window: float
    look: float = 0.1

    @property
    def judged(self) -> float:
        """Loading and judging a record."""
        return self.full["Bronze"] + self.full["Silver"]

    @property
    def rewritten(self) -> float:
        """Making a row of a day that is touched anew, beside what its changes cost."""
        return max(self.window - 0.1 * self.judged - self.look, 0.0)


@dataclass(frozen=True, kw_only=True)
class Load:
    """A table, what of it changes between two runs, and the cluster that it is given."""

    table_bytes: float = TB
    item_bytes: float = 1_000
    changed: float = 0.01
    days: int = 1_000
    touched: float = 0.1
    executors: int = 8
    cores: int = 4

    @property
    def items(self) -> float:
        """Items in millions."""
        return self.table_bytes / self.item_bytes / 1e6

    @property
    def rows(self) -> float:
        """Rows of the benchmark's size, in millions, of as many bytes."""
        return self.table_bytes / ITEM_BYTES / 1e6


def slopes(results: Sequence[Mapping[str, Any]], contestant: str = "spark") -> Costs:
    """From the two largest sizes of scale.py's JSON: what a million rows more took. Of one size alone, all it took."""
    nothing: Mapping[str, Any] = {"rows": 0, "watched": {"stages": {}}}
    of_it = [result for result in results if result["contestant"] == contestant]
    if not of_it:
        raise typer.BadParameter(f"there are no figures of {contestant}")
    less, more = sorted([nothing, *of_it], key=lambda result: result["rows"])[-2:]
    million = (more["rows"] - less["rows"]) / 1e6

    def cpu(result: Mapping[str, Any], stage: str) -> float:
        return float(sum(result["watched"]["stages"].get(stage, {}).get("cpu_seconds", {}).values()))

    def slope(stage: str) -> float:
        return max(cpu(more, stage) - cpu(less, stage), 0.0) / float(million)

    return Costs(full={stage: slope(stage) for stage in STAGES}, window=sum(slope(CHANGED + stage) for stage in STAGES))


def lines(load: Load, costs: Costs) -> Iterator[tuple[str, str, str]]:
    """What is computed, how, and what it gives."""
    cores = load.executors * load.cores
    yield "items", f"{load.table_bytes:.3g} B / {load.item_bytes:,.0f} B", f"{load.items:,.0f} M"
    yield "rows of the benchmark's size", f"{load.table_bytes:.3g} B / {ITEM_BYTES} B", f"{load.rows:,.0f} M"
    for stage, cost in costs.full.items():
        yield f"full export, {stage}", f"{load.rows:,.0f} M x {cost:.1f} s", _hours(load.rows * cost)
    full = load.rows * sum(costs.full.values())
    yield "full export", f"the sum, on {load.executors} x {load.cores} cores", _on(full, cores)
    changes = load.rows * load.changed
    passes = math.ceil(load.items * load.changed * 1e6 / BOUNDS.keys)
    touched = load.rows * load.touched
    parts = {
        "loading and judging": (f"{changes:,.1f} M x {costs.judged:.1f} s", changes * costs.judged),
        "looking for their keys": (
            f"{passes} passes over {load.items:,.0f} M keys x {costs.look} s",
            passes * load.items * costs.look,
        ),
        "days touched": (
            f"{load.touched:.0%} of {load.days:,} days: {touched:,.0f} M x {costs.rewritten:.1f} s",
            touched * costs.rewritten,
        ),
    }
    for name, (how, seconds) in parts.items():
        yield f"{load.changed:.1%} changed, {name}", how, _hours(seconds)
    daily = sum(seconds for _, seconds in parts.values())
    yield f"{load.changed:.1%} changed", f"the sum, on {load.executors} x {load.cores} cores", _on(daily, cores)
    a_day = load.rows * 1e6 / load.days
    files = math.ceil(a_day * ITEM_BYTES * 2 / BOUNDS.group_bytes)
    yield (
        "files of a day",
        f"{a_day / 1e6:.1f} M rows x {2 * ITEM_BYTES} B of text / {BOUNDS.group_bytes >> 20} MiB",
        f"{files:,}",
    )
    yield "files in the log", f"{files:,} x {load.days:,} days", f"{files * load.days:,}"
    yield (
        "files of a commit",
        f"{load.touched:.0%} of them: added, and as many removed",
        f"{2 * files * load.days * load.touched:,.0f}",
    )


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.2f} core hours"


def _on(seconds: float, cores: int) -> str:
    return f"{_hours(seconds)}, {seconds / cores / 60:,.0f} minutes"


def main(
    *,
    figures: Annotated[
        Path,
        typer.Argument(
            help="What benchmarks.scale --json printed, best of two sizes or more.", exists=True, dir_okay=False
        ),
    ],
    table_bytes: Annotated[float, typer.Option(help="Of the table in DynamoDB.")] = TB,
    item_bytes: float = 1_000,
    changed: Annotated[float, typer.Option(help="The share of items that changes between two runs.")] = 0.01,
    days: Annotated[int, typer.Option(help="Partitions of the table.")] = 1_000,
    touched: Annotated[float, typer.Option(help="The share of days in which something changes.")] = 0.1,
    executors: int = 8,
    cores: int = 4,
    contestant: str = "spark",
) -> None:
    """Print the arithmetic."""
    try:
        costs = slopes(json.loads(figures.read_text())["results"], contestant)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise typer.BadParameter(f"{figures} is not what benchmarks.scale --json prints ({why})") from error
    load = Load(
        table_bytes=table_bytes,
        item_bytes=item_bytes,
        changed=changed,
        days=days,
        touched=touched,
        executors=executors,
        cores=cores,
    )
    table = Printed("what", "how", "gives")
    for line in lines(load, costs):
        table.add_row(*line)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)

"""What a very large table takes in CPU, from what small ones took: the arithmetic, line by line, for each contestant.

Costs are CPU seconds of all processes per million rows, as `benchmarks.scale --json` gives them at two sizes: what the
larger one took more is due to its rows. They hold for items of the benchmark's size; larger ones count as several.
What does not grow with the rows alone, and so ends it, is beside them: files that are opened, and the driver's memory.

Belongs here: multiplying.
Does not: measuring (scale.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table as Printed

from medallion_assets.engines.remote import BOUNDS
from medallion_assets.pipelines.transactions.samples.exports import TRANSACTIONS_PER_CUSTOMER
from medallion_assets.refining.merging.merge_days import days_together

ITEM_BYTES = 250
"""Of an item of the benchmarks, as DynamoDB counts: names and values."""
TEXT = 2
"""So many bytes of text are a byte as DynamoDB counts."""
CUSTOMER_BYTES = 300
"""What the driver holds of a customer while it makes `gold.customer_ltv`."""
OPENING_REQUESTS, REQUESTS_A_SECOND = 2, 2_000
"""On S3: what opening a small file takes, and what a bucket's prefix gives at least."""
CHANGED = "changes, "
TB = 10**12
WIDTH = 160
STAGES = ("Bronze", "Silver", "enriched", "Gold")
SPREAD = "spark"
"""The contestant that works on a cluster; another one has no minutes there."""
LOOK = 0.1
"""CPU seconds of looking for keys among a million, once; assumed, as scale.py does not show it apart."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """CPU seconds per million rows.

    `full` of a full export into empty tables, by stage; `window` of taking a window in that changes a tenth of the rows
    and touches every day, per million rows that the table has; `look` of looking for keys among the table's, once.
    `rows`: of the sizes that they come from.
    """

    full: Mapping[str, float]
    window: float
    look: float = LOOK
    rows: tuple[int, ...] = ()

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

    @property
    def files_of_a_day(self) -> int:
        """As many as it takes for each to be within the bounds."""
        return math.ceil(self.table_bytes * TEXT / self.days / BOUNDS.group_bytes)

    def parts(self, share: float) -> int:
        """Of so much of the table, as blocks that are judged."""
        blocks = max(self.items * 1e6 / BOUNDS.block_rows, self.table_bytes * TEXT / BOUNDS.block_bytes)
        return math.ceil(blocks * share)


def slopes(results: Sequence[Mapping[str, Any]], contestant: str = SPREAD) -> Costs:
    """From the two largest sizes of scale.py's JSON: what a million rows more took. Of one size alone, all it took."""
    nothing: Mapping[str, Any] = {"rows": 0, "watched": {"stages": {}}}
    of_it = [result for result in results if result["contestant"] == contestant]
    less, more = sorted([nothing, *of_it], key=lambda result: result["rows"])[-2:]
    million = (more["rows"] - less["rows"]) / 1e6

    def cpu(result: Mapping[str, Any], stage: str) -> float:
        return float(sum(result["watched"]["stages"].get(stage, {}).get("cpu_seconds", {}).values()))

    def slope(stage: str) -> float:
        return max(cpu(more, stage) - cpu(less, stage), 0.0) / float(million)

    return Costs(
        full={stage: slope(stage) for stage in STAGES},
        window=sum(slope(CHANGED + stage) for stage in STAGES),
        rows=tuple(result["rows"] for result in (less, more) if result["rows"]),
    )


def lines(load: Load, contestants: Mapping[str, Costs]) -> Iterator[tuple[str, ...]]:
    """What is computed, how, and what it gives for each contestant."""
    cores, same = load.executors * load.cores, [""] * len(contestants)
    sum_on = f"the sum; {SPREAD} on {load.executors} x {load.cores} cores"

    def row(what: str, how: str, millions: float, cost: Callable[[Costs], float]) -> tuple[str, ...]:
        gives = (f"x {(each := cost(of)):.1f} s = {_hours(millions * each)}" for of in contestants.values())
        return what, how, *gives

    def summed(what: str, seconds: Callable[[Costs], float]) -> tuple[str, ...]:
        gives = (
            _hours(seconds(of)) + (f", {seconds(of) / cores / 60:,.0f} minutes" if name == SPREAD else "")
            for name, of in contestants.items()
        )
        return what, sum_on, *gives

    def full_of(stage: str) -> Callable[[Costs], float]:
        return lambda costs: costs.full[stage]

    yield "items", f"{load.table_bytes:.3g} B / {load.item_bytes:,.0f} B = {load.items:,.0f} M", *same
    yield "rows", f"of the benchmark's size: {load.table_bytes:.3g} B / {ITEM_BYTES} B = {load.rows:,.0f} M", *same
    for stage in STAGES:
        yield row(f"full export, {stage}", f"{load.rows:,.0f} M rows", load.rows, full_of(stage))
    yield summed("full export", lambda costs: load.rows * sum(costs.full.values()))
    yield "full export, openings", *_openings(load, 1, load.days), *same[1:]
    customers = load.items / TRANSACTIONS_PER_CUSTOMER
    held = f"{customers * CUSTOMER_BYTES / 1e3:,.0f} GB in the driver"
    yield "Gold as of days", f"{customers:,.0f} M customers x {CUSTOMER_BYTES} B", held, *same[1:]
    share, changed, touched = f"{load.changed:.0%} changed", load.rows * load.changed, load.rows * load.touched
    keys = load.items * load.changed
    passes = math.ceil(keys * 1e6 / BOUNDS.keys)
    looked = passes * load.items
    yield row(f"{share}, loading and judging", f"{changed:,.0f} M rows", changed, lambda costs: costs.judged)
    looking = f"{keys:,.0f} M keys: {passes:,} passes over {load.items:,.0f} M"
    yield row(f"{share}, looking for their keys", looking, looked, lambda costs: costs.look)
    days = f"{load.touched:.0%} of {load.days:,} days: {touched:,.0f} M rows"
    yield row(f"{share}, days touched", days, touched, lambda costs: costs.rewritten)
    yield summed(share, lambda costs: changed * costs.judged + looked * costs.look + touched * costs.rewritten)
    yield f"{share}, openings", *_openings(load, load.changed, load.days * load.touched), *same[1:]
    files = load.files_of_a_day
    text = f"{load.table_bytes * TEXT / load.days / 1e9:.1f} GB of text / {BOUNDS.group_bytes >> 20} MiB"
    yield "files of a day", f"{text} = {files:,}", *same
    yield "files in the log", f"{files:,} x {load.days:,} days = {files * load.days:,}", *same
    both = f"{load.touched:.0%} of them added, and as many removed"
    yield "files of a commit", f"{both} = {2 * files * load.days * load.touched:,.0f}", *same


def _openings(load: Load, share: float, days: float) -> tuple[str, str]:
    """Neighbouring days open all parts that have rows of them, once for some days."""
    together = days_together(round(days), load.executors * load.cores)
    parts, groups = load.parts(share), math.ceil(days / together)
    openings = parts * groups
    hours = openings * OPENING_REQUESTS / REQUESTS_A_SECOND / 3600
    return (
        f"{parts:,} parts x {days:,.0f} days, {together} at a time",
        f"{openings / 1e6:,.1f} M, {hours:,.1f} hours at {REQUESTS_A_SECOND:,} requests a second",
    )


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.2f} core hours"


def main(
    *,
    figures: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="What benchmarks.scale --json printed, best of two sizes."),
    ],
    table_bytes: Annotated[float, typer.Option(help="Of the table in DynamoDB.")] = TB,
    item_bytes: float = 1_000,
    changed: Annotated[float, typer.Option(help="The share of items that changes between two runs.")] = 0.01,
    days: Annotated[int, typer.Option(help="Partitions of the table.")] = 1_000,
    touched: Annotated[float, typer.Option(help="The share of days in which something changes.")] = 0.1,
    executors: int = 8,
    cores: int = 4,
    contestants: Annotated[str, typer.Option(help="Whose figures, by commas.")] = "polars,spark",
) -> None:
    """Print the arithmetic, as a table in Markdown."""
    results = _results(figures)
    names = contestants.split(",")
    if lacking := sorted(set(names) - {result["contestant"] for result in results}):
        raise typer.BadParameter(f"there are no figures of {', '.join(lacking)} in {figures}: see --contestants")
    costs = {name: slopes(results, name) for name in names}
    load = Load(
        table_bytes=table_bytes,
        item_bytes=item_bytes,
        changed=changed,
        days=days,
        touched=touched,
        executors=executors,
        cores=cores,
    )
    table = Printed("what", "how", *names, box=MARKDOWN)
    for line in lines(load, costs):
        table.add_row(*line)
    console = Console(width=WIDTH)
    console.print(table)
    for name, of in costs.items():
        sizes = " and ".join(f"{rows:,}" for rows in of.rows)
        console.print(f"{name}: from {sizes} rows" + (", what starting took included" if len(of.rows) == 1 else ""))


def _results(figures: Path) -> list[dict[str, Any]]:
    try:
        results: list[dict[str, Any]] = json.loads(figures.read_text())["results"]
    except (ValueError, KeyError, TypeError) as error:
        what = f"{figures} is not what benchmarks.scale --json prints ({type(error).__name__}: {error})"
        raise typer.BadParameter(what) from error
    return results


if __name__ == "__main__":
    typer.run(main)

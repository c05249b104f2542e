"""Both engines and what a user would take instead, on the same exports: time, CPU, memory, and how they grow.

Each contestant has a process of its own and starts from nothing. Starting Spark is shown apart and is in no sum.
Goals of Spark are for the largest size; they are meant for 10 million transactions on two cores. Those of Polars beside
the AWS guidance are for 2 million, and a window of 100,000 changes (`--share 0.05`).

Belongs here: sizes, goals and printing.
Does not: what contestants do (contestants.py), looking at processes (watching.py), or whether the tables are right
(correctness.py), but for two sums in which all have to agree.
"""

from __future__ import annotations

import json as json_format
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Printed

from benchmarks.contestants import CHANGED, CONTESTANTS, CUSTOMERS_IN, SESSION, STAGES, exports
from benchmarks.measuring import Line, report
from benchmarks.peers.session import missing
from benchmarks.watching import ROLES, Cost, FailedError, Role, Watched, watch
from medallion_assets.engines.spark.requirements import SparkMissingError, expect_installed
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.spark import spark_settings

ROWS = "500000,2000000,10000000"
CHANGED_SHARE = 0.1
"""So many changes are in a window: a million, where there are ten million transactions."""
POLARS_ROWS, POLARS_CHANGES = 2_000_000, 100_000
POLARS_OF_THE_GUIDANCE, POLARS_OF_ITS_WINDOW = 0.25, 0.12
OF_A_PEER = 0.6
OF_POLARS = 1.6
EXECUTOR_MB = 1024.0
TIMES_FOR_FOUR = 4.4
GUIDANCE = "iceberg"
PEERS = ("delta", GUIDANCE)
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a contestant took at a size."""

    contestant: str
    rows: int
    changes: int
    watched: Watched

    def seconds(self, *, changed: bool = False) -> float:
        """Wall seconds from Bronze to Gold, of the full export or of the window after it."""
        return sum(cost.seconds for cost in self._costs(changed=changed))

    def cpu(self, *, changed: bool = False) -> float:
        """CPU seconds of the same."""
        return sum(cost.cpu for cost in self._costs(changed=changed))

    def peak_mb(self, role: Role) -> float:
        """The peak of the largest process of a role: items run in workers, and on one machine Java is all the rest."""
        return max(cost.peak_mb.get(role, 0.0) for cost in self.watched.stages.values())

    def _costs(self, *, changed: bool) -> list[Cost]:
        before = CHANGED if changed else ""
        return [cost for name in STAGES if (cost := self.watched.stages.get(before + name)) is not None]


def measure(contestant: str, rows: int, tell: Tell, *, share: float = CHANGED_SHARE) -> Result:
    """Let a contestant go through all stages; what it wrote is removed."""
    changes = int(rows * share)
    tell(f"{rows:,} rows: exports (kept in .cache)")
    given = exports(rows, changes)
    play, arguments = CONTESTANTS[contestant]
    folder = Path(tempfile.mkdtemp(prefix="medallion-scale-"))
    try:
        watched = watch(
            play, *arguments, given, rows, folder, tell=lambda stage: tell(f"{rows:,} rows: {contestant}, {stage}")
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(contestant=contestant, rows=rows, changes=changes, watched=watched)


def goals(results: Sequence[Result]) -> list[Line]:
    """Every ratio beside its goal."""
    at = {(result.contestant, result.rows): result for result in results}
    sizes = sorted({result.rows for result in results})
    lines: list[Line] = []
    for rows in sizes:
        is_largest = rows == sizes[-1]
        spark, polars = at.get(("spark", rows)), at.get(("polars", rows))
        others = [(of, OF_A_PEER, at[of, rows]) for of in PEERS if (of, rows) in at]
        if polars is not None:
            others.append(("polars", OF_POLARS, polars))
        for changed in (False, True):
            what = f"{rows:,} rows, {'window' if changed else 'Bronze to Gold'}: "
            if spark is not None:
                for of, most, other in others:
                    ratio = spark.seconds(changed=changed) / other.seconds(changed=changed)
                    lines.append(Line("scale", f"{what}spark / {of}", ratio, "x", most if is_largest else None))
                    ratio = spark.cpu(changed=changed) / other.cpu(changed=changed)
                    lines.append(Line("scale", f"{what}spark / {of}, CPU", ratio, "x"))
        lines += [line for of in PEERS if (of, rows) in at and polars for line in _beside(polars, at[of, rows])]
        if spark is not None:
            lines.append(Line("scale", f"{rows:,} rows: largest executor", spark.peak_mb("worker"), "MB", EXECUTOR_MB))
            lines.append(Line("scale", f"{rows:,} rows: Java of the same", spark.peak_mb("java"), "MB", EXECUTOR_MB))
        sums = {result.watched.answer for result in results if result.rows == rows}
        lines.append(Line("scale", f"{rows:,} rows: different sums", len(sums) - 1, "", 0))
    return lines + _slopes(results)


def _beside(polars: Result, peer: Result) -> Iterator[Line]:
    """Polars beside what a user would take instead, of one size."""
    is_guidance = peer.contestant == GUIDANCE and peer.rows == POLARS_ROWS
    whole = POLARS_OF_THE_GUIDANCE if is_guidance else None
    window = POLARS_OF_ITS_WINDOW if is_guidance and peer.changes == POLARS_CHANGES else None
    for changed, what, most in ((False, "Bronze to Gold", whole), (True, f"window of {peer.changes:,}", window)):
        ratio = polars.seconds(changed=changed) / peer.seconds(changed=changed)
        yield Line("scale", f"{peer.rows:,} rows, {what}: polars / {peer.contestant}", ratio, "x", most)


def _in_short(result: Result) -> str:
    full, changed = result.seconds(), result.seconds(changed=True)
    return f"{result.contestant}, {result.rows:,} rows: Bronze to Gold {full:.1f} s, changes to Gold {changed:.1f} s"


def _slopes(results: Sequence[Result]) -> list[Line]:
    """What four times the data takes, from each size and the next, whatever lies between them."""
    lines = []
    for contestant in dict.fromkeys(result.contestant for result in results):
        of_it = sorted(
            (result for result in results if result.contestant == contestant), key=lambda result: result.rows
        )
        for less, more in pairwise(of_it):
            exponent = math.log(4) / math.log(more.rows / less.rows)
            what = f"{contestant}, {less.rows:,} to {more.rows:,} rows: time of 4 times the data"
            limit = TIMES_FOR_FOUR if contestant in ("polars", "spark") else None
            lines.append(Line("scale", what, (more.seconds() / less.seconds()) ** exponent, "x", limit))
    return lines


def printed(results: Sequence[Result]) -> Printed:
    """What each stage took, as a table for people."""
    title = "peaks: the driver / Java / the largest Python executor"
    table = Printed("by", "rows", "stage", "wall, s", "CPU, s", "peaks, MB", title=title)
    names = (SESSION, CUSTOMERS_IN, *STAGES, *(CHANGED + name for name in STAGES))
    for result in results:
        rows = f"{result.rows:,}"
        for name in names:
            if (cost := result.watched.stages.get(name)) is not None:
                peaks = " / ".join(f"{cost.peak_mb[role]:,.0f}" if role in cost.peak_mb else "-" for role in ROLES)
                table.add_row(result.contestant, rows, name, f"{cost.seconds:.1f}", f"{cost.cpu:.1f}", peaks)
        for changed, name in ((False, "Bronze to Gold"), (True, "changes, to Gold")):
            sums = (f"{result.seconds(changed=changed):.1f}", f"{result.cpu(changed=changed):.1f}")
            table.add_row(result.contestant, rows, f"[bold]{name}[/]", *sums, "")
        table.add_section()
    return table


def main(
    *,
    rows: Annotated[str, typer.Option(help="Transactions of full exports, by commas.")] = ROWS,
    engines: Annotated[str, typer.Option(help="Who takes part, by commas.")] = ",".join(CONTESTANTS),
    share: Annotated[float, typer.Option(help="How many of them a window changes.")] = CHANGED_SHARE,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run every contestant on every size, and print what it took with every goal; exit with 1 if one is missed."""
    sizes, names = _sizes(rows), engines.split(",")
    _expect_runnable(names)
    results: list[Result] = []
    failed: list[Line] = []
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[stage]}"), console=Console(stderr=True)) as progress:
        task = progress.add_task("runs", total=len(sizes) * len(names), stage="")

        def tell(stage: str) -> None:
            progress.update(task, stage=stage)

        for size in sizes:
            for name in names:
                try:
                    results.append(measure(name, size, tell, share=share))
                except FailedError as error:  # the others' figures are worth an hour
                    failed.append(Line("scale", f"{size:,} rows: {name} failed in {error}", 1, "", 0))
                else:
                    progress.console.print(_in_short(results[-1]))
                progress.advance(task)
    lines = [*failed, *goals(results)]
    if json:
        costs = [asdict(result) for result in results]
        print(json_format.dumps({"results": costs, "goals": [asdict(line) | {"holds": line.holds} for line in lines]}))
        raise typer.Exit(0 if all(line.holds for line in lines) else 1)
    Console().print(printed(results))
    report(lines, as_json=False)


def _sizes(rows: str) -> list[int]:
    try:
        sizes = sorted(int(size) for size in rows.split(","))
    except ValueError:
        raise typer.BadParameter(f"{rows!r}: expected numbers of rows with commas between them, as {ROWS}") from None
    if sizes[0] < 1:
        raise typer.BadParameter(f"{rows!r}: expected at least one row")
    return sizes


def _expect_runnable(names: Sequence[str]) -> None:
    """An hour later a child's trace would say it."""
    if unknown := sorted(set(names) - set(CONTESTANTS)):
        raise typer.BadParameter(f"unknown: {', '.join(unknown)}; there are {', '.join(CONTESTANTS)}")
    if set(names) & set(PEERS) and (lacking := missing()) is not None:
        raise typer.BadParameter(f"the peers cannot run: {lacking}")
    if "spark" in names:
        try:
            expect_installed(spark_settings(inherited_environment()))
        except SparkMissingError as error:
            raise typer.BadParameter(f"spark cannot run: {error}") from error


if __name__ == "__main__":
    typer.run(main)

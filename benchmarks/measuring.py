"""Measuring one piece of work in a process of its own: wall seconds, CPU seconds and peak memory.

Belongs here: what every benchmark shares.
Does not: what is measured, or its limits.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS

CATALOG = Catalog((TRANSACTIONS,))
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "benchmarks"
"""Where generated input is kept between runs."""


@dataclass(frozen=True)
class Cost:
    """What a piece of work took. `peak_mb` is of the whole process, imports included."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Line:
    """One result: a figure, its limit, and whether it holds."""

    benchmark: str
    what: str
    figure: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the limits, if there are any, are kept."""
        return (self.at_most is None or self.figure <= self.at_most) and (
            self.at_least is None or self.figure >= self.at_least
        )

    @property
    def limit(self) -> str:
        """The limit in words; empty where there is none."""
        if self.at_most is not None:
            return f"at most {self.at_most:,.2f} {self.unit}"
        return "" if self.at_least is None else f"at least {self.at_least:,.2f} {self.unit}"


def cached(name: str) -> Path:
    """A place in the cache, whatever is there."""
    return CACHE / name


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder of the cache, which `make` fills the first time; what was interrupted is made anew."""
    folder = cached(name)
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        make(folder)
        (folder / "complete").touch()
    return folder


def measure(work: Callable[..., None], *arguments: Any) -> Cost:
    """Run `work`, a function of a module, in a fresh process."""
    return in_fresh_process(work, arguments)


def in_fresh_process(work: Callable[..., None], arguments: Sequence[Any]) -> Cost:
    """The same, with the arguments as one."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(send, work, arguments))
    process.start()
    send.close()
    try:
        return Cost(**receive.recv())
    except EOFError:
        raise SystemExit(f"{work.__name__} failed") from None
    finally:
        process.join()


def _run(send: Connection, work: Callable[..., None], arguments: Sequence[Any]) -> None:
    import polars  # noqa: F401, ICN001  (its import is nobody's work)

    began, cpu = time.perf_counter(), _cpu_seconds()
    work(*arguments)
    cost = Cost(
        wall_seconds=time.perf_counter() - began,
        cpu_seconds=_cpu_seconds() - cpu,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
    send.send(asdict(cost))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def report(lines: Sequence[Line], *, as_json: bool) -> None:
    """Print the results; exit with 1 when a limit is not kept."""
    if as_json:
        print(json.dumps([asdict(line) | {"holds": line.holds} for line in lines], indent=2))
    else:
        table = Table(title=f"{os.cpu_count()} cores")
        for name in ("benchmark", "what", "figure", "limit", ""):
            table.add_column(name, justify="right" if name == "figure" else "left")
        for line in lines:
            mark = "" if not line.limit else "[green]✔[/]" if line.holds else "[red]✘[/]"
            table.add_row(line.benchmark, line.what, f"{line.figure:,.2f} {line.unit}", line.limit, mark)
        Console().print(table)
    sys.exit(0 if all(line.holds for line in lines) else 1)

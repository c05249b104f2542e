"""How the demo looks in a terminal: steps with progress, checks, and the tables at the end.

Belongs here: everything that is printed.
Does not: what happens.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from time import monotonic

from rich.console import Console, Group
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text

from medallion_assets.cli.demo.home import PIPELINES, RAW, DemoContents
from medallion_assets.cli.demo.result import DemoResult
from medallion_assets.cli.terminal import as_typed, command_line
from medallion_assets.settings.hints import to_type

WIDTH_OF_PROGRESS = 96


class DemoView:
    """Prints the story, to the terminal unless given another console. With `quiet` nothing is printed, for `--json`."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(quiet=quiet, highlight=False)
        self._status: Status | None = None
        self._title = ""

    @contextmanager
    def step(self, title: str, *, stops: bool = False) -> Iterator[None]:
        """A step with a spinner that says what is under way; `stops` marks one that is meant to be stopped."""
        began = monotonic()
        self._title = title
        if not self.console.is_terminal:
            self.console.print(f"[bold]…[/] {title}")
        with self.console.status(f"[bold]{title}[/]") as self._status:
            yield
        sign = "[yellow]■[/]" if stops else "[green]✔[/]"
        self.console.print(f"{sign} {title} [dim]{monotonic() - began:.1f} s[/]")

    def progress(self, message: str) -> None:
        """What is under way within the step."""
        if self._status is not None:
            self._status.update(f"[bold]{self._title}[/] [dim]{message[:WIDTH_OF_PROGRESS]}[/]")

    def note(self, message: str) -> None:
        """A line below the step, whose commands are as they are typed here."""
        self.console.print(Padding(Text(as_typed(message)), (0, 0, 0, 4)))

    def check(self, asset: str, name: str, *, passed: bool) -> None:
        """The verdict of an asset check; passed ones are not worth a line."""
        if not passed:
            self.console.print(f"    [yellow]check {name} of {asset} has findings; see the UI[/]")


def summary_page(result: DemoResult) -> Group:
    """The tables, what readers see, and what to type next."""
    tables = Table(title="Tables", title_justify="left")
    for name in ("table", "rows", "version", "made on", "quality", "quarantined"):
        tables.add_column(name, justify="left" if name in ("table", "made on") else "right")
    for line in result.tables:
        quality = "" if line.quality is None else f"{line.quality:.2%}"
        bad = "" if line.quarantined is None else f"{line.quarantined:,}"
        tables.add_row(line.name, f"{line.rows:,}", str(line.version), line.engine, quality, bad)
    unchanged = ("unchanged", "") if result.readable_unchanged else ("changed", "red")
    return Group(
        tables,
        _sales_table(result.sales),
        Text.assemble(
            *("The bad export ", (result.bad_export, "bold"), " was stopped; what readers of DynamoDB see is "),
            *(unchanged, "."),
        ),
        Text.assemble(
            *("Done in ", (f"{result.seconds:.0f} s", "bold"), f". Everything is in {result.home}. What to type next:")
        ),
        *(command_line(command, what) for command, what in _next_commands(result.home)),
    )


def contents_page(found: DemoContents) -> Group:
    """What lies in a demo's home, and above all what no demo made."""
    folders = ", ".join(f"{name} ({count:,} files)" for name, count in found.folders.items())
    lines = [
        Text.assemble(
            (str(found.home), "bold"), f" contains {found.files:,} files, {found.size_bytes / 1e6:,.1f} MB: {folders}"
        ),
        *(Text.assemble(("  not made by the demo, or changed since: ", "yellow"), path) for path in found.not_made),
    ]
    return Group(*lines)


def _next_commands(home: str) -> list[tuple[str, str]]:
    return [
        (f"export MEDALLION_HOME={shlex.quote(home)}", "the commands below use the demo"),
        (f"export MEDALLION_PIPELINES={shlex.quote(' '.join(PIPELINES))}", "its three pipelines"),
        (
            to_type("ui", make="ui"),
            "the runs, assets and checks in the Dagster UI; beside it the dashboard and business figures",
        ),
        (to_type("verify"), "check the lakehouse: ledger, files, row counts"),
        (to_type('sql "from gold.mart_revenue"'), "any question about any table"),
        (to_type("quarantine show customer_transactions"), "the bad rows and their reasons"),
        (to_type(f"exports verify {shlex.quote(f'{home}/{RAW}')}"), "every export"),
        (to_type("remove-demo"), "lists everything in it, asks, and removes it"),
    ]


def _sales_table(sales: list[Mapping[str, object]] | list[dict[str, object]]) -> Table:
    table = Table(title="Sales of the days published to DynamoDB", title_justify="left")
    names = list(sales[0]) if sales else []
    for name in names:
        table.add_column(name.removeprefix("transaction_").replace("_", " "), justify="right")
    for row in sales:
        table.add_row(*(_figure(row[name]) for name in names))
    return table


def _figure(value: object) -> str:
    match value:
        case Decimal():
            return f"{value:,.2f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)

"""How `medallion dev` looks in a terminal.

Belongs here: what it prints once the UI answers, and colours; what `medallion ui` says of itself.
Does not: what is started, or which lines of Dagster's are shown.
"""

from __future__ import annotations

import shlex

from rich.console import Console, Group
from rich.text import Text

from medallion_assets.cli.dagster_home import own_settings
from medallion_assets.cli.dev.log import DagsterLog, LogLine
from medallion_assets.cli.dev.run import DevServer
from medallion_assets.cli.page_server import DASHBOARD
from medallion_assets.cli.terminal import command_line
from medallion_assets.cli.web_ui import WebUi
from medallion_assets.settings.hints import REPOSITORY, to_type

OF_MAKE = REPOSITORY / ".medallion" / "dev"
"""The home that the Makefile has for `make dev` and `make sample-export`."""


def dev_page(server: DevServer) -> Group:
    """Where everything is, what other terminals need, and what to type next."""
    own = server.own_dagster_yaml
    return Group(
        _line("Dagster UI", server.ui_url, "asset graph: /asset-groups"),
        _line(
            "dashboard",
            f"{server.pages_url}{DASHBOARD}",
            "is everything complete, fresh and good? business figures: /business.html",
        ),
        _line("DynamoDB", server.endpoint, _contents(server)),
        _line("data", str(server.home), "exports, tables, Dagster's runs"),
        *([_line("dbt docs", server.docs_url, "of models; their assets link there")] if server.docs_url else []),
        *([_line("settings", str(own), own_settings(own.parent))] if own else []),
        Text("In other terminals, to use the same lakehouse:", style="bold"),
        *(command_line(f"export {name}={shlex.quote(value)}") for name, value in server.variables.items()),
        Text("What to type there next:", style="bold"),
        *(command_line(command, what) for command, what in _next(server)),
        Text("Ctrl-C stops everything. The log, with time, job and stage:", style="bold"),
    )


def ui_page(shown: WebUi) -> Group:
    """What is shown, where, and that nothing is started."""
    theirs = shown.own_dagster_yaml
    other = "--no-demo" if shown.is_demo else "--demo"
    whose = "the demo's" if shown.is_demo else "your own"
    return Group(
        _line("Dagster UI", shown.url, "Ctrl-C stops it"),
        _line(
            "dashboard",
            f"{shown.pages_url}{DASHBOARD}",
            "is everything complete, fresh and good? business figures: /business.html",
        ),
        _line("runs of", str(shown.home), f"{whose}; `medallion ui {other}` shows the others"),
        *([_line("settings", str(theirs), own_settings(theirs.parent))] if theirs else []),
        Text(
            "Nothing starts automatically. What you materialize runs at once, and continues without the UI. There is "
            "no daemon: no sensors, no schedules, no limit on concurrent runs, no time limit of a whole run, no "
            "restart of a run that crashes. `medallion dev` has one."
        ),
    )


class LogView:
    """Prints the lines of Dagster that are worth showing; call it with each."""

    def __init__(self, ui_url: str, console: Console | None = None) -> None:
        self._log = DagsterLog(ui_url)
        self._console = console or Console(highlight=False)

    def __call__(self, line: str) -> None:
        """Print a line, or what it comes to, or nothing."""
        shown = self._log.read(line)
        if shown is not None:
            self._console.print(log_line(shown), soft_wrap=True)


def log_line(line: LogLine) -> Text:
    """A line that happened."""
    style = {"plain": "", "warned": "yellow", "failed": "red"}[line.kind]
    return Text.assemble(
        (f"{line.time} " if line.time else "", "dim"), (f"{line.subject}  ", "cyan"), (line.message, style)
    )


def _next(server: DevServer) -> tuple[tuple[str, str], ...]:
    """What to type next, and what it is for: `make sample-export` only where that is about this home."""
    is_of_make = server.home == OF_MAKE and not server.is_elsewhere
    sample = "sample-export --elsewhere" if server.is_elsewhere else "sample-export"
    return (
        (
            to_type(sample, make="sample-export" if is_of_make else None),
            "new exports arrive; watch them flow to serving in the UI",
        ),
        (to_type(f"{sample} --bad-share 0.1"), "an export that the quality gate stops"),
        (to_type("status"), "how fresh everything is, and what went wrong"),
    )


def _contents(server: DevServer) -> str:
    again = server.published_again
    if again is None:
        return "as it was set"
    if not again.days:
        return "in this process: empty, nothing was published yet"
    return f"in this process: restored what was published, {again.items:,} items"


def _line(name: str, value: str, what: str) -> Text:
    return Text.assemble((f"{name:<11}", "bold"), (value, "cyan"), (f"  # {what}", "dim"))

"""How `medallion dev` looks in a terminal.

Belongs here: what it prints once the UI answers.
Does not: what is started (dev.py).
"""

from __future__ import annotations

import shlex

from rich.console import Group
from rich.text import Text

from medallion_assets.dev import DevServer

NEXT = (
    ("make sample-export", "new exports land; watch them come through to serving in the UI"),
    (".venv/bin/medallion sample-export --bad-share 0.1", "one that the quality gate stops"),
    (".venv/bin/medallion status", "how fresh everything is, and what went wrong"),
)


def dev_page(server: DevServer) -> Group:
    """Where everything is, what other terminals need, and what to type next."""
    forgets = "inside this process: it forgets everything when this ends" if server.is_embedded else "as it was set"
    return Group(
        _line("Dagster UI", server.ui_url, "asset graph: /asset-groups"),
        _line("DynamoDB", server.endpoint, forgets),
        _line("data", str(server.home), "exports, tables, Dagster's runs"),
        Text("In other terminals, for commands that are to see the same:", style="bold"),
        *(_command(f"export {name}={shlex.quote(value)}") for name, value in server.variables.items()),
        Text("What to type there next:", style="bold"),
        *(_command(command, what) for command, what in NEXT),
        Text("Ctrl-C ends all of it.", style="bold"),
    )


def _line(name: str, value: str, what: str) -> Text:
    return Text.assemble((f"{name:<11}", "bold"), (value, "cyan"), (f"  # {what}", "dim"))


def _command(command: str, what: str = "") -> Text:
    return Text.assemble(
        "  ", (command, "cyan"), (f"  # {what}" if what else "", "dim"), no_wrap=True, overflow="ignore"
    )

"""`medallion sql`: one question in SQL, or a prompt for many.

Belongs here: the command, reading statements line by line, and the few words that are no SQL.
Does not: asking, or how answers are printed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from medallion_assets.cli.options import Json, lakehouse_for
from medallion_assets.cli.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from medallion_assets.settings import Settings

PROMPT, MORE = "medallion> ", "        -> "
LIST_TABLES = ("\\d", "show tables", "show all tables")
QUIT = ("\\q", "quit", "exit")
HISTORY = "sql_history"


def sql(
    query: Annotated[
        str | None,
        typer.Argument(
            help="A read-only query; without it, queries are read from a prompt or a pipe, each ended by a semicolon."
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Read every table as of this time, such as 2026-11-01T00:00:00Z.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 40,
    csv: Annotated[bool, typer.Option("--csv", help="Every row as CSV.")] = False,
    json: Json = False,
) -> None:
    r"""Query any version of the lakehouse in SQL (DuckDB's), read-only. `\d` lists the tables."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.settings import load_settings
        from medallion_assets.storage.workspace import workspace

        with workspace() as folder:
            settings = load_settings()
            ask = _asking(terminal, settings, folder, as_of=as_of, rows=rows, as_csv=csv, as_json=json)
            if query is not None:
                ask(query)
            elif sys.stdin.isatty():
                _converse(ask, settings.home / HISTORY, as_json=json)
            else:
                for statement in _statements(lambda _: input()):
                    ask(statement)


def _asking(
    terminal: Terminal, settings: Settings, folder: Path, *, as_of: str | None, rows: int, as_csv: bool, as_json: bool
) -> Callable[[str], None]:
    """A function that answers one statement."""
    from medallion_assets.cli.pages.sql import answer_page, columns_page, tables_page, write_csv, write_json
    from medallion_assets.operations.sql.answer import answer
    from medallion_assets.operations.sql.tables import named_table, read_moment
    from medallion_assets.operations.tables.every import every_table

    lakehouse = lakehouse_for("sql", settings)
    moment = None if as_of is None else read_moment(as_of)

    def ask(query: str) -> None:
        words = query.strip().rstrip(";").strip()
        if words.lower() in LIST_TABLES:
            tables = [
                {"table": table.name, "description": table.description} for table in every_table(lakehouse.catalog)
            ]
            terminal.answer(tables, lambda: tables_page(lakehouse.catalog))
        elif words.startswith("\\d "):
            table = named_table(lakehouse.catalog, words.removeprefix("\\d "))
            columns = [{"column": column.name, "description": column.description} for column in table.columns]
            terminal.answer(columns, lambda: columns_page(table))
        else:
            with answer(lakehouse, query, workspace=folder, as_of=moment) as found:
                if as_json:
                    write_json(found, sys.stdout)
                elif as_csv:
                    write_csv(found, sys.stdout)
                else:
                    terminal.answer(None, lambda: answer_page(found, rows))

    return ask


def _converse(ask: Callable[[str], None], history: Path, *, as_json: bool) -> None:
    """Answer what is typed, until there is no more; an error ends its statement alone."""
    import readline

    with suppress(OSError):
        readline.read_history_file(history)
    for statement in _statements(input):
        with suppress(typer.Exit), Terminal(as_json=as_json):
            try:
                ask(statement)
            except KeyboardInterrupt:
                typer.echo("interrupted", err=True)
    with suppress(OSError):
        readline.write_history_file(history)


def _statements(read: Callable[[str], str]) -> Iterator[str]:
    """Statements of lines, each up to a `;` at the end of one, or up to the end. Ctrl-C forgets what was begun."""
    lines: list[str] = []
    while True:
        try:
            line = read(MORE if lines else PROMPT)
        except EOFError:
            if "".join(lines).strip():
                yield "\n".join(lines)
            return
        except KeyboardInterrupt:
            typer.echo()
            lines = []
            continue
        if not lines and line.strip().lower().rstrip(";") in QUIT:
            return
        lines.append(line)
        text = "\n".join(lines).strip()
        if text.endswith(";") or text.startswith("\\") or not text:
            lines = []
            if text:
                yield text

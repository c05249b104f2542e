"""The terminal: one answer a command, as a page for people or as one JSON document, and errors that help.

Belongs here: what is printed where, progress, and exit codes (0 well, 1 something was found, 2 an error).
Does not: what an answer says (operations), or how its page is laid out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import partial
from types import TracebackType
from typing import Any, Self

import typer
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.text import Text
from rich.traceback import Traceback

from medallion_assets.errors import MedallionError, PermanentError, message_of
from medallion_assets.errors.visible_text import visible, visible_json

FOUND, FAILED = 1, 2
PIPE_WIDTH = 200
"""Columns of a page that goes to a file or a pipe: ids and file names stay whole."""


class Terminal:
    """The output of one command; a context that turns every error into a page and an exit code.

    With `as_json` stdout gets one document and nothing else; stderr gets nothing.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        out = _console()
        self._out = out if out.is_terminal else _console(width=PIPE_WIDTH)
        self._err = _console(stderr=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, typer.Exit | typer.Abort | BrokenPipeError):
            return
        if _is_of_polars(error):
            error = data_refused(error)
        elif isinstance(error, OSError):
            error = place_refused(error)
        if self._as_json:
            typer.echo(json.dumps({"error": error_facts(error)}, indent=2))
        else:
            self._err.print(_Visible(_error_panel(error)))
            if not isinstance(error, MedallionError):
                self._err.print(_Visible(Traceback.from_exception(type(error), error, traceback)))
        raise typer.Exit(FAILED) from error

    def answer(self, facts: object, page: Callable[[], RenderableType], *, found: bool = False) -> None:
        """Print the answer, as JSON made from `facts` or as the page; with `found` the command exits with 1."""
        if self._as_json:
            typer.echo(visible_json(json.dumps(plain(facts), indent=2, ensure_ascii=False)))
        else:
            self._out.print(_Visible(page()), crop=False)  # a command to type is whole, however long
        if found:
            raise typer.Exit(FOUND)

    def doing(self, what: str) -> None:
        """Say on stderr what is done now, where nothing can tell how much of it is done."""
        if not self._as_json:
            self._err.print(f"{visible(what)} ...", style="dim", soft_wrap=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar on stderr while the context lasts; call it with how much is done, of how much."""
        with self.phases() as progress:
            yield partial(progress, what)

    @contextmanager
    def phases(self) -> Iterator[Callable[[str, int, int], None]]:
        """A bar for work in several parts; call it with what is done as well."""
        if self._as_json or not self._err.is_terminal:
            yield lambda _what, _done, _total: None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._err, transient=True) as bars:
            task = bars.add_task("", total=None)
            yield lambda what, done, total: bars.update(task, description=what, completed=done, total=total)


def _console(*, width: int | None = None, stderr: bool = False) -> Console:
    """A console that takes no value for a command: pages show what tables, buckets and errors hold, brackets or not."""
    return Console(width=width, stderr=stderr, markup=False, emoji=False)


class _Visible:
    """A page in which no value commands the terminal: control characters are symbols."""

    def __init__(self, page: RenderableType) -> None:
        self._page = page

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._page, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def as_typed(text: str) -> str:
    """A text of ours whose commands are as they are typed on this host."""
    from medallion_assets.settings.command_prefix import command_prefix  # which `medallion --help` has no need of
    from medallion_assets.settings.environment import inherited_environment  # there may be no settings: they are wrong
    from medallion_assets.settings.hints import typed_in

    return typed_in(text, prefix=command_prefix(inherited_environment()))


def command_line(command: str, what: str = "") -> Text:
    """A command to type, whole however narrow the terminal is, and what it does."""
    return Text.assemble(
        "  ", (command, "cyan"), (f"  # {what}" if what else "", "dim"), no_wrap=True, overflow="ignore"
    )


def plain(value: Any) -> Any:
    """What JSON can hold: days and times in ISO 8601, exact numbers as text, sets sorted.

    Dataclasses are objects that begin with the fields which have no default.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in sorted(fields(value), key=_has_default)}
    if isinstance(value, Mapping):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(member) for member in value)
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):  # datetimes too
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _has_default(of: Field[Any]) -> bool:
    return of.default is not MISSING or of.default_factory is not MISSING


def place_refused(error: OSError) -> MedallionError:
    """What the system says of a file, a folder or an address that a command cannot use, as an error of ours."""
    about = ", ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    return PermanentError(
        "the operating system refused an operation",
        expected=f"a path that this account can use: {about}" if about else "files and addresses that can be used",
        found=error.strerror or str(error),
        do="grant access, free disk space, or move what is in the way; MEDALLION_HOME, MEDALLION_RAW_URL and "
        "MEDALLION_LAKEHOUSE_URL name other places",
    )


def _is_of_polars(error: Exception) -> bool:
    """By the name of its module: most commands have not imported Polars, and then nothing of it was raised.

    Of a table's file that is not there it raises an error of Python, which says a path, and has none.
    """
    if isinstance(error, FileNotFoundError) and error.filename is None and ".parquet" in str(error):
        return True
    return any(kind.__name__ == "PolarsError" and kind.__module__.startswith("polars") for kind in type(error).__mro__)


def data_refused(error: Exception) -> MedallionError:
    """What Polars says of data that it cannot read, as an error of ours."""
    return PermanentError(
        "data cannot be read",
        expected="tables whose files are whole, and have the columns that their tables say",
        found=f"{type(error).__name__}: {error}",
        do="run `medallion verify --digests`, which names each damaged file",
    )


def error_facts(error: Exception) -> dict[str, str | None]:
    """An error as JSON says it: its kind, and what, where, expected, found and do."""
    parts = error.parts if isinstance(error, MedallionError) else MedallionError(str(error)).parts
    return {"kind": type(error).__name__, **parts}


def _error_panel(error: Exception) -> Panel:
    facts = error_facts(error)
    title = "error" if isinstance(error, MedallionError) else f"unexpected {facts['kind']}"
    lines = [Text(as_typed(message_of(facts["what"] or title, where=facts["where"])), style="bold")]
    for name, label in (("expected", "expected"), ("found", "found"), ("do", "what to do")):
        if facts[name] is not None:
            lines.append(Text.assemble((f"{label}: ", "dim"), as_typed(str(facts[name]))))
    return Panel(Group(*lines), title=title, title_align="left", border_style="red")

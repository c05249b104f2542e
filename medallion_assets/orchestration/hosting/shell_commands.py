"""Commands of `dagster` that load the definitions: what fails is shown as its message, with no traceback.

Belongs here: telling commands that end with the message from code servers, which go on and hand it to the UI; the
errors of a run that such a command carries out, and of the ticks of a code server; which of them may compute.
Does not: commands of `medallion`, processes of a deployment (startable).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medallion_assets.errors import MedallionError

LOADING = ("asset", "job")
"""`dagster asset materialize` and `list`, `dagster job execute` and `list`; others ask a code server."""
CODE_SERVER = ["api", "grpc"]
USUAL_LIMIT = 1000
"""So many entries of a stack Python shows of itself."""
LAZY = "--lazy-load-user-code"
"""With it, as `dagster dev` starts it, a code server goes on and hands the error to whoever asks; else it ends."""


@contextmanager
def refusals_in_one_message(arguments: Sequence[str]) -> Iterator[None]:
    """Load the definitions in this block; `arguments` are those of the process, the program first.

    A process of `dagster` that goes on after a refusal prints no stack of any exception from then on: all that is left
    for it to do is to say why there are no definitions.

    Raises:
        SystemExit: they were refused, and a command that cannot go on without them ends with exit code 1.
        MedallionError: the same in any other process.
    """
    try:
        yield
    except MedallionError as error:
        words = _words_of_dagster(arguments)
        if not words:
            raise
        if words[0] in LOADING or (words[:2] == CODE_SERVER and LAZY not in words):
            raise SystemExit(str(error)) from error
        sys.tracebacklimit = 0  # what Dagster makes of an error follows Python's own limit
        raise error from None  # its message names its cause


@contextmanager
def failures_in_messages(arguments: Sequence[str]) -> Iterator[None]:
    """Carry out a part of a run in this block; `arguments` are those of the process, the program first.

    A command that carries the run out itself logs each error with its stack. One of ours says all in its message: the
    process prints no stack from then on, until the next part of the run begins, whose error may be a defect.

    Raises:
        Exception: what the block raises.
    """
    is_command = _words_of_dagster(arguments)[:1] in ([name] for name in LOADING)
    if is_command and are_stacks_hidden():
        sys.tracebacklimit = USUAL_LIMIT
    try:
        yield
    except MedallionError:
        if is_command:
            sys.tracebacklimit = 0
        raise


@contextmanager
def ticks_in_messages() -> Iterator[None]:
    """Look at something for a sensor in this block, or in the function that this decorates.

    A tick that fails by an error of ours shows its message: a code server makes no stacks from then on, until it looks
    again, for whichever sensor; that may find a defect.

    Raises:
        Exception: what the block raises.
    """
    is_server = _words_of_dagster(sys.argv)[:2] == CODE_SERVER
    if is_server and are_stacks_hidden():
        sys.tracebacklimit = USUAL_LIMIT
    try:
        yield
    except MedallionError as error:
        if is_server:
            sys.tracebacklimit = 0
            raise error from None  # its message names its cause
        raise


def are_stacks_hidden() -> bool:
    """Whether this process shows messages alone: then what an error was caused by, which it names, is not shown too."""
    return getattr(sys, "tracebacklimit", None) == 0


def may_compute(arguments: Sequence[str]) -> bool:
    """Whether this process may compute while it loads the definitions: it is a command of `dagster`, or a code server.

    A fork server may not (runs/forks/imported.py), and the process of a run need not: its stages look for themselves.
    """
    words = _words_of_dagster(arguments)
    return bool(words) and (words[0] != CODE_SERVER[0] or words[:2] == CODE_SERVER)


def _words_of_dagster(arguments: Sequence[str]) -> list[str]:
    """The arguments of a `dagster` command; none for any other program."""
    program, *words = arguments or [""]
    path = Path(program)
    is_dagster = path.name == "dagster" or (path.name == "__main__.py" and path.parent.name == "dagster")
    return words if is_dagster else []

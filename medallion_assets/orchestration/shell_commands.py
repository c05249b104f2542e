"""Commands of `dagster` that load the definitions themselves: a refusal ends them with its message and no traceback.

Belongs here: telling them from whatever loads the definitions for the UI, which shows the error.
Does not: commands of `medallion` (cli.terminal), processes of a deployment (startable).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medallion_assets.errors import MedallionError

LOADING = ("asset", "job")
"""`dagster asset materialize` and `list`, `dagster job execute` and `list`; others ask a code server."""


@contextmanager
def refusals_in_one_message(arguments: Sequence[str]) -> Iterator[None]:
    """Load the definitions in this block; `arguments` are those of the process, the program first.

    Raises:
        SystemExit: they were refused, and a command that loads them itself ends with exit code 1.
        MedallionError: the same in any other process.
    """
    try:
        yield
    except MedallionError as error:
        if not _loads_itself(arguments):
            raise
        raise SystemExit(str(error)) from error


def _loads_itself(arguments: Sequence[str]) -> bool:
    program, *words = arguments or [""]
    path = Path(program)
    is_dagster = path.name == "dagster" or (path.name == "__main__.py" and path.parent.name == "dagster")
    return is_dagster and bool(words) and words[0] in LOADING

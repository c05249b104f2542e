"""Hints: what to type next, as it is typed where this project lies.

Belongs here: the difference between its repository, which has a Makefile and an environment, an installed package, and
a deployment; which parts of a text are commands.
Does not: which commands are worth typing (errors and views).

Errors, alerts and findings are written before it is known where they are read. A command of this project stands in them
between backticks, `medallion verify`, and whoever shows them to people puts it as it is typed there.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from medallion_assets.settings.environment import inherited_environment

REPOSITORY = Path(__file__).parents[2]
OURS = ("dagster ", "medallion ")
"""How commands begin that are installed with this project."""
VARIABLES = "env "
"""How a prefix begins that sets variables."""
QUOTED = re.compile(r"`((?:dagster|medallion) [^`\n]+)`")


def to_type(command: str, *, make: str | None = None, repository: Path = REPOSITORY) -> str:
    """`medallion <command>`; in the repository `make <make>`, if there is such a target, else by its environment."""
    return f"make {make}" if make and has_makefile(repository) else typed(f"medallion {command}", repository=repository)


def typed(command: str, *, prefix: str = "", repository: Path = REPOSITORY) -> str:
    """A command as it is typed: behind the `prefix` of a deployment, or in the repository as `in_environment`.

    A prefix that only sets variables (`with_variables`) stands before either. One of another program stays as it is.
    """
    if not command.startswith(OURS):
        return command
    if has_makefile(repository) and (not prefix or prefix.startswith(VARIABLES)):
        command = in_environment(command, repository)
    return f"{prefix} {command}" if prefix else command


def with_variables(variables: Mapping[str, str]) -> str:
    """The prefix of commands that are to see what a process with these variables sees, in whatever shell."""
    return VARIABLES + " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())


def in_environment(command: str, repository: Path) -> str:
    """A command of the repository's environment: by its name where somebody has activated that, else by its path.

    That it is on the path says nothing: the services of a deployment have it there, and people on the host do not. What
    `activate` says is asked of this process, in the only place that needs it: texts become commands far from settings.
    """
    programs = repository / ".venv" / "bin"
    active = inherited_environment().get("VIRTUAL_ENV")
    if active is not None and Path(active, "bin").resolve() == programs.resolve():
        return command
    try:
        path = os.path.relpath(programs)
    except OSError:  # the current folder is gone
        path = str(programs)
    return f"{shlex.quote(path)}/{command}"


def typed_in(text: str, *, prefix: str = "", repository: Path = REPOSITORY) -> str:
    """A text whose commands, between backticks, are as they are typed."""
    return QUOTED.sub(lambda found: f"`{typed(found[1], prefix=prefix, repository=repository)}`", text)


def has_makefile(repository: Path = REPOSITORY) -> bool:
    """Whether this is the repository, where `make` has targets of ours."""
    return (repository / "Makefile").exists()

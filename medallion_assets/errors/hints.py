"""Hints: what to type next, as it is typed where this project lies.

Belongs here: the difference between its repository, which has a Makefile and an environment, an installed package, and
a deployment; what stands for a person's own words.
Does not: which commands are worth typing (errors and views).
"""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
REASON = "<reason>"
"""What stands in a command for the reason that a person has to give; whoever asks for one refuses it."""


def to_type(command: str, *, make: str | None = None, repository: Path = REPOSITORY) -> str:
    """`medallion <command>`; in the repository `make <make>`, if there is such a target, else by its environment."""
    return f"make {make}" if make and has_makefile(repository) else typed(f"medallion {command}", repository=repository)


def typed(command: str, *, prefix: str = "", repository: Path = REPOSITORY) -> str:
    """A command of this environment: behind the `prefix` of a deployment, or in the repository by its path."""
    if prefix:
        return f"{prefix} {command}"
    return f".venv/bin/{command}" if has_makefile(repository) else command


def is_reason(text: str) -> bool:
    """Whether a text gives a reason: it is neither blank nor what stands for one in a command."""
    return text.strip() not in ("", REASON)


def has_makefile(repository: Path = REPOSITORY) -> bool:
    """Whether this is the repository, where `make` has targets of ours."""
    return (repository / "Makefile").exists()

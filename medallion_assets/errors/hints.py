"""Hints: what to type next, as it is typed where this project lies.

Belongs here: the difference between its repository, which has a Makefile and an environment, and an installed package.
Does not: which commands are worth typing (errors and views).
"""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def to_type(command: str, *, make: str | None = None, repository: Path = REPOSITORY) -> str:
    """`medallion <command>`; in the repository `make <make>`, if there is such a target, else by its environment."""
    if not has_makefile(repository):
        return f"medallion {command}"
    return f"make {make}" if make else f".venv/bin/medallion {command}"


def has_makefile(repository: Path = REPOSITORY) -> bool:
    """Whether this is the repository, where `make` has targets of ours."""
    return (repository / "Makefile").exists()

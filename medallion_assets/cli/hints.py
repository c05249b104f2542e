"""Hints: commands to type next, as they are typed where this project lies.

Belongs here: the difference between its repository, which has a Makefile and an environment, and an installed package.
Does not: which commands are worth typing (the views).
"""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def to_type(command: str, *, make: str | None = None, repository: Path = REPOSITORY) -> str:
    """`medallion <command>`; in the repository `make <make>`, if there is such a target, else by its environment."""
    if not (repository / "Makefile").exists():
        return f"medallion {command}"
    return f"make {make}" if make else f".venv/bin/medallion {command}"

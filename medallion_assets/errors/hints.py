"""Hints: what to type next, as it is typed where this project lies.

Belongs here: the difference between its repository, which has a Makefile and an environment, and an installed package;
what stands for a person's own words.
Does not: which commands are worth typing (errors and views).
"""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
REASON = "<reason>"
"""What stands in a command for the reason that a person has to give; whoever asks for one refuses it."""


def to_type(command: str, *, make: str | None = None, repository: Path = REPOSITORY) -> str:
    """`medallion <command>`; in the repository `make <make>`, if there is such a target, else by its environment."""
    if not has_makefile(repository):
        return f"medallion {command}"
    return f"make {make}" if make else f".venv/bin/medallion {command}"


def is_reason(text: str) -> bool:
    """Whether a text gives a reason: it is neither blank nor what stands for one in a command."""
    return text.strip() not in ("", REASON)


def has_makefile(repository: Path = REPOSITORY) -> bool:
    """Whether this is the repository, where `make` has targets of ours."""
    return (repository / "Makefile").exists()

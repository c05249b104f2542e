"""Pages: where whoever reads a message finds a page of the documentation.

Belongs here: its path, in the repository and where the package is installed.
Does not: which page helps (each message), commands, processes of a deployment.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def page(name: str, *, package: Path = PACKAGE) -> str:
    """Such as `docs/remote.md`, as it lies in the repository; of an installed package the file that came with it."""
    shipped = package / "docs" / name
    return str(shipped) if shipped.is_file() else f"docs/{name}"

"""The first words of a module name rooms and modules that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from medallion_assets.operations.tables.every import KEPT_TABLES
from medallion_assets_tests.services.processes import REPOSITORY

PACKAGE = REPOSITORY / "medallion_assets"
ROOMS = {place.stem for place in PACKAGE.iterdir() if place.suffix == ".py" or (place / "__init__.py").is_file()}
TABLES = {table.name for table in KEPT_TABLES}
MODULES = sorted(PACKAGE.rglob("*.py"))


def lost(module: Path) -> Iterator[str]:
    """What the docstring of a module names and is not there: `room.module`, `room.module.name` or `beside.py`."""
    said = ast.get_docstring(ast.parse(module.read_text())) or ""
    for name in set(re.findall(r"(?<![\w./])[a-z_]+(?:\.\w+)+", said)) - TABLES:
        first, *rest = name.split(".")
        if rest == ["py"]:
            if not (module.parent / name).is_file():
                yield name
        elif first in ROOMS and rest[-1] != "py" and not _is_there(PACKAGE / first, rest):
            yield name


def _is_there(place: Path, rest: list[str]) -> bool:
    """Whether there is such a module, or such a word in one."""
    for number, name in enumerate(rest):
        if not (place / name).is_dir():
            module = place / f"{name}.py"
            inside = rest[number + 1 :] if module.is_file() else rest[number:]
            source = module if module.is_file() else place / "__init__.py"
            return source.is_file() and all(re.search(rf"\b{word}\b", source.read_text()) for word in inside)
        place /= name
    return True


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_modules_that_a_docstring_names_are_there(room: str) -> None:
    modules = [module for module in MODULES if module.relative_to(PACKAGE).parts[0] in (room, f"{room}.py")]
    assert modules
    found = {str(module.relative_to(PACKAGE)): names for module in modules if (names := list(lost(module)))}
    assert found == {}

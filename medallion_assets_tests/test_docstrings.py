"""The first words of a module say what belongs there by kind: they name no module that may move."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from medallion_assets.operations.tables.every import KEPT_TABLES
from medallion_assets_tests.services.processes import REPOSITORY

PACKAGE = REPOSITORY / "medallion_assets"
ROOMS = {place.stem for place in PACKAGE.iterdir() if place.suffix == ".py" or (place / "__init__.py").is_file()}
TABLES = {table.name for table in KEPT_TABLES}
MODULES = sorted(PACKAGE.rglob("*.py"))


def named(docstring: str) -> Iterator[str]:
    """The modules that a text names: `room.module`, `room.module.name`, `folder/beside.py` or `beside.py`."""
    for name in set(re.findall(r"(?<![\w./])[a-z_/]+(?:\.\w+)+", docstring)) - TABLES:
        first, *rest = name.split(".")
        if rest == ["py"] or first in ROOMS:
            yield name


def test_a_name_of_a_module_is_seen() -> None:
    said = (
        "Does not: looking (storage.looks), waking (wakes/waker.py, beside.py), or rows of operations.alerts, e.g. few."
    )
    assert sorted(named(said)) == ["beside.py", "storage.looks", "wakes/waker.py"]


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_the_docstring_of_a_module_names_no_other(room: str) -> None:
    modules = [module for module in MODULES if module.relative_to(PACKAGE).parts[0] in (room, f"{room}.py")]
    assert modules
    docstrings = {module: ast.get_docstring(ast.parse(module.read_text())) or "" for module in modules}
    found = {
        str(module.relative_to(PACKAGE)): names for module, said in docstrings.items() if (names := [*named(said)])
    }
    assert found == {}

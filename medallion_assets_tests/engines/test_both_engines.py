"""What Silver and Gold promise is tested on both engines: whole rooms, of which no test quietly stays on Polars.

`make test-spark` runs them once more with `--engine spark`, which `default_engine` is the one to read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from medallion_assets_tests.services.processes import REPOSITORY

TESTS = REPOSITORY / "medallion_assets_tests"
OWN_ENGINE = "pytestmark = pytest.mark.own_engine\n"
"""Says so of a whole file."""


def listed(name: str) -> list[str]:
    """A variable of the Makefile."""
    (words,) = re.findall(rf"^{name} := (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    return str(words).split()


def test_the_rooms_of_silver_and_gold_run_on_spark() -> None:
    """Models of dbt are compared in `deriving/dbt/warehouses/test_in_spark.py`: Polars never makes them."""
    assert listed("ON_SPARK") == ["refining", "deriving", "pipelines"]
    assert listed("NOT_ON_SPARK") == ["deriving/dbt"]


def test_no_test_of_these_rooms_stays_on_polars_without_saying_so() -> None:
    assert {
        str(path.relative_to(TESTS)): found for path in files() if (found := of_polars_alone(path.read_text()))
    } == {}


def files() -> Iterator[Path]:
    left_out = [TESTS / folder for folder in listed("NOT_ON_SPARK")]
    for room in listed("ON_SPARK"):
        for path in (TESTS / room).rglob("*.py"):
            if not set(left_out) & set(path.parents):
                yield path


def of_polars_alone(source: str) -> list[str]:
    """The calls that make an engine, or a lakehouse on the usual one, in a file that does not say so."""
    if OWN_ENGINE in source:
        return []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [(node.func.id, node) for node in calls if isinstance(node.func, ast.Name)]
    return [
        f"line {node.lineno}: {name}"
        for name, node in named
        if name.endswith("Engine") or (name == "Lakehouse" and "engine" not in {word.arg for word in node.keywords})
    ]


def test_a_lakehouse_of_the_usual_engine_is_seen() -> None:
    source = "PolarsEngine(BOUNDS)\nLakehouse(url=url)\nLakehouse(url=url, engine=default_engine())\n"
    assert of_polars_alone(source) == ["line 1: PolarsEngine", "line 2: Lakehouse"]
    assert of_polars_alone(OWN_ENGINE + source) == []

"""Rules of style that no linter knows."""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterator

from medallion_assets_tests.services.processes import REPOSITORY

FOLDERS = ("medallion_assets", "medallion_assets_tests", "benchmarks", "deploy", "examples")


def of_loops(tree: ast.AST) -> Iterator[str]:
    """The names of what loops, `with` and lambdas are given."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.For(target=given) | ast.comprehension(target=given) | ast.withitem(optional_vars=ast.AST() as given)
            ):
                yield from (name.id for name in ast.walk(given) if isinstance(name, ast.Name))
            case ast.Lambda():
                yield from (argument.arg for argument in node.args.args)


def begins_with_its_place(node: ast.AST) -> bool:
    """Whether it makes an error of ours of a text that begins with a value and a colon."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=texts) if name == "kind" or name.endswith("Error"):
            return not hasattr(builtins, name) and any(map(_is_value_and_colon, texts))
    return False


def _is_value_and_colon(text: ast.AST) -> bool:
    match text:
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(rest)), *_]):
            return rest.startswith(": ")
    return False


MOST_LINES = 300
OWN = "medallion_assets_tests"
MAYBE_GIVEN = re.compile(r"(?:\b(?:for|as|lambda)|[,(\[*])\s*one\s*(?:in\b|[,)\]:=.\[])")
"""Wherever a loop, `with` or lambda gives that name, and elsewhere: few modules have to be parsed."""
TEXTS = {
    path.relative_to(REPOSITORY): path.read_text() for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.py")
}


def test_no_variable_of_a_loop_is_called_one() -> None:
    """A name says what something is."""
    found = [
        str(path) for path, text in TEXTS.items() if MAYBE_GIVEN.search(text) and "one" in of_loops(ast.parse(text))
    ]
    assert found == []


def test_runs_are_read_where_an_unreadable_row_stops_nothing() -> None:
    """A row that a later Dagster wrote would fail the sensor, schedule or stage that reads it among others."""
    raw = re.compile(r"\.(get_runs|get_run_records|get_run_record_by_id)\b")
    found = [str(path) for path, text in TEXTS.items() if path.parts[0] != OWN and raw.search(text)]
    assert found == ["medallion_assets/orchestration/run_records.py"]


def test_the_place_of_an_error_is_a_part_of_its_own() -> None:
    """`where`, and no beginning of its text; two modules begin with a clause that says what could not be done."""
    of_package = {str(path): text for path, text in TEXTS.items() if path.parts[0] == "medallion_assets"}
    found = [path for path, text in of_package.items() if any(map(begins_with_its_place, ast.walk(ast.parse(text))))]
    assert sorted(found) == [f"medallion_assets/deriving/dbt/warehouses/in_{name}.py" for name in ("duckdb", "spark")]


def test_no_module_is_long() -> None:
    found = {str(path): lines for path, text in TEXTS.items() if (lines := text.count("\n")) > MOST_LINES}
    assert found == {}


def test_no_two_public_classes_have_one_name() -> None:
    """A word means one thing, so that a search for it finds that thing."""
    texts = (text for path, text in TEXTS.items() if path.parts[0] == "medallion_assets")
    names = Counter(name for text in texts for name in re.findall(r"^class ([A-Za-z]\w*)", text, re.MULTILINE))
    assert [name for name, count in names.items() if count > 1] == []

"""Hints fit the place they are printed in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from medallion_assets.cli import app
from medallion_assets.engines.spark import requirements
from medallion_assets.settings import hints, load_settings
from medallion_assets.settings.hints import to_type, typed, typed_in, with_variables

PACKAGE = Path(hints.__file__).parents[1]
COMMANDS = "|".join(get_command(app).commands)  # type: ignore[attr-defined]  # of a group
BARE = re.compile(rf"(?<=[^`])\b(medallion ({COMMANDS})|dagster (asset|dev|instance|job))\b")
"""A command within a text that no backtick begins."""
TARGET = re.compile(r"\bmake (setup|spark-jars|demo|dev|ui|sample-export|wheel|lock|bench|test)\b")
PAGE = re.compile(r"\bdocs/")


@cache
def _texts(path: Path) -> list[str]:
    return list(_constants(ast.parse(path.read_text())))


def _constants(tree: ast.AST) -> Iterator[str]:
    """The texts of a module, its docstrings left out."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_there_is_no_make_where_there_is_no_makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed from a wheel the command is on the path; in the repository it is in the environment, or a target."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert to_type("ui", make="ui", repository=tmp_path) == "medallion ui"
    assert to_type("status", repository=tmp_path) == "medallion status"
    assert typed("dagster x", repository=tmp_path) == "dagster x"
    (tmp_path / "Makefile").write_text("")
    assert to_type("ui", make="ui", repository=tmp_path) == "make ui"
    assert to_type("status", repository=tmp_path) == ".venv/bin/medallion status"
    assert typed("dagster x", repository=tmp_path) == ".venv/bin/dagster x"
    assert typed("dagster x", prefix="deploy/as-medallion", repository=tmp_path) == "deploy/as-medallion dagster x"
    assert typed("aws s3 ls", prefix="deploy/as-medallion", repository=tmp_path) == "aws s3 ls"


def test_in_a_clone_a_command_works_where_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name in an active environment, and by that of no other; else by the path from the current folder.

    A service has the environment on its path and not active: people on its host have neither.
    """
    clone, other = tmp_path / "a clone", tmp_path / "other"
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "medallion").touch(mode=0o755)
    other.mkdir()
    (clone / "Makefile").touch()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.chdir(clone)
    assert to_type("status", repository=clone) == ".venv/bin/medallion status"
    monkeypatch.chdir(other)
    assert to_type("status", repository=clone) == "'../a clone/.venv/bin'/medallion status"
    monkeypatch.setenv("VIRTUAL_ENV", str(other))
    assert to_type("status", repository=clone) == "'../a clone/.venv/bin'/medallion status"
    monkeypatch.setenv("VIRTUAL_ENV", str(clone / ".venv"))
    assert to_type("status", repository=clone) == "medallion status"


def test_the_commands_of_a_text_are_put_as_they_are_typed(tmp_path: Path) -> None:
    """Those between backticks, and no other word."""
    text = "run `medallion verify`, then `dagster asset list`; dagster is up, `aws s3 ls` and `medallion` too"
    assert typed_in(text, repository=tmp_path) == text
    assert typed_in(text, prefix="x/as", repository=tmp_path) == (
        "run `x/as medallion verify`, then `x/as dagster asset list`; dagster is up, `aws s3 ls` and `medallion` too"
    )


def test_variables_stand_before_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell of whoever reads the command may have none of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    prefix = with_variables({"MEDALLION_HOME": "/a home", "DAGSTER_HOME": "/b"})
    told = "env MEDALLION_HOME='/a home' DAGSTER_HOME=/b"
    assert typed("medallion status", prefix=prefix, repository=tmp_path) == f"{told} medallion status"
    (tmp_path / "Makefile").touch()
    assert typed("medallion status", prefix=prefix, repository=tmp_path) == f"{told} .venv/bin/medallion status"


def test_commands_in_texts_stand_between_backticks() -> None:
    """Nobody could put them as they are typed on a host otherwise. A text that is a command, as a whole, has none."""
    found = {str(path): bare for path in PACKAGE.rglob("*.py") if (bare := [*filter(BARE.search, _texts(path))])}
    assert found == {}


def test_what_errors_say_of_make_is_said_where_there_is_a_makefile() -> None:
    """No other text names a target of the Makefile."""
    texts = {str(path.relative_to(PACKAGE)): _texts(path) for path in PACKAGE.rglob("*.py")}
    found = {name: makes for name, said in texts.items() if (makes := [text for text in said if TARGET.search(text)])}
    assert set(found) == {"engines/spark/requirements.py"}, found


def test_pages_are_named_as_whoever_reads_a_message_finds_them() -> None:
    """By `errors.pages` alone: where the package is installed there is no folder `docs`."""
    texts = {str(path.relative_to(PACKAGE)): _texts(path) for path in PACKAGE.rglob("*.py")}
    assert [name for name, said in texts.items() if any(map(PAGE.search, said))] == ["errors/pages.py"]


@pytest.mark.parametrize("has_makefile", [True, False])
def test_a_missing_spark_is_mended_with_make_in_the_repository_alone(
    monkeypatch: pytest.MonkeyPatch, has_makefile: bool
) -> None:
    monkeypatch.setattr(requirements, "has_makefile", lambda: has_makefile)
    monkeypatch.setattr(requirements, "find_spec", lambda _: None)
    with pytest.raises(requirements.SparkMissingError) as missing:
        requirements.expect_installed(load_settings({}).spark)
    assert ("make setup-spark" in str(missing.value)) == has_makefile
    assert "install medallion-assets[spark]" in str(missing.value)

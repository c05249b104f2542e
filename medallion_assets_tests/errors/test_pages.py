"""A message of an installed package names files that are there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from medallion_assets.errors.pages import page
from medallion_assets.settings.environment import inherited_environment
from medallion_assets_tests.services.processes import REPOSITORY

WHEEL = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of packages into which the wheel would be unpacked; it takes a network to build one."""
    folder = tmp_path / "site-packages"
    for package in WHEEL["packages"]:
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in WHEEL["force-include"].items():
        path = REPOSITORY / source
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / target)
    return folder


def test_an_unknown_variable_leads_to_a_page_that_is_installed(installed: Path, tmp_path: Path) -> None:
    variables = {"PYTHONPATH": str(installed), f"MEDALLION_{40 * 'Q'}": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "from medallion_assets.settings import load_settings; load_settings()"],
        env=inherited_environment() | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    (named,) = re.findall(r"a variable that (\S+) lists", done.stderr)
    assert named == f"{installed}/medallion_assets/docs/settings.md"
    assert Path(named).is_file()


def test_in_the_repository_a_page_is_named_as_it_lies_there() -> None:
    assert page("remote.md") == "docs/remote.md"


def test_pages_that_messages_name_are_there() -> None:
    named = {
        name
        for path in (REPOSITORY / "medallion_assets").rglob("*.py")
        for name in re.findall(r"\bpage\(['\"]([^'\"]+)", path.read_text())
    }
    assert named
    assert [name for name in named if not (REPOSITORY / "docs" / name).is_file()] == []

"""Odd starts: whatever is wrong with a home or a setting, a command ends with one message, and with no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medallion_assets_tests.cli.command_line import run

COMMANDS = (
    ("demo",),
    ("remove-demo", "--yes"),
    ("dev",),
    ("status",),
    ("verify",),
    ("validate",),
    ("explain", "customers", "c1"),
    ("exports", "verify", "raw"),
    ("quarantine", "show", "customers"),
    ("quarantine", "redrive", "customers"),
    ("rebuild", "silver.customers", "--why", "x"),
    ("serving", "hand-over", "daily_sales_metrics", "--why", "x"),
    ("sql", "select 1 from silver.customers"),
    ("sample-export",),
    ("fetch", "customers"),
)
Plant = Callable[[Path, pytest.MonkeyPatch], None]


def home_is_a_file(folder: Path, environment: pytest.MonkeyPatch) -> None:
    (folder / "home").write_text("")
    environment.setenv("MEDALLION_HOME", str(folder / "home"))


def home_is_below_a_file(folder: Path, environment: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("")
    environment.setenv("MEDALLION_HOME", str(folder / "file" / "home"))


def unknown_variable(folder: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MEDALLION_HOME", str(folder))
    environment.setenv("MEDALLION_FRIST_DAY", "2025-01-01")


def refused_value(folder: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MEDALLION_HOME", str(folder))
    environment.setenv("MEDALLION_ENGINE", "sparc")


STARTS: dict[str, tuple[Plant, str | None]] = {
    "home is a file": (home_is_a_file, None),
    "home is below a file": (home_is_below_a_file, None),
    "unknown variable": (unknown_variable, "rename it to MEDALLION_FIRST_DAY"),
    "refused value": (refused_value, "one of polars, spark"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("start", STARTS)
def test_a_command_ends_with_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, command: tuple[str, ...]
) -> None:
    for name in ("MEDALLION_LAKEHOUSE_URL", "MEDALLION_RAW_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    plant, words = STARTS[start]
    plant(tmp_path, monkeypatch)
    result = run(*command)
    said = f"{result.stdout}{result.stderr}"
    assert result.exit_code in (1, 2), said
    assert "Traceback" not in said
    assert "unexpected" not in said
    assert words is None or words in " ".join(said.replace("│", " ").split()), said

"""Refused definitions: commands of `dagster` end with one message, and a code server tells the UI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.shell_commands import refusals_in_one_message
from medallion_assets_tests.services.processes import REPOSITORY

DEFINITIONS = ("-m", "medallion_assets.definitions")
MATERIALIZE = ("asset", "materialize", *DEFINITIONS, "--select", "*")
ENGINE = "MEDALLION_ENGINE is not allowed; expected: one of polars, spark; found: 'sparc'; what to do: "
PIPELINE = "MEDALLION_PIPELINES names 'nowhere:SHOP', which is no pipeline; expected: "


def dagster(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "MEDALLION_HOME": str(home), **variables}
    command = [sys.executable, "-m", "dagster", *arguments]
    return subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=180
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MEDALLION_ENGINE": "sparc"}, ENGINE),
        pytest.param({"MEDALLION_PIPELINES": "nowhere:SHOP"}, PIPELINE, marks=pytest.mark.slow),
    ],
    ids=["setting", "pipeline"],
)
def test_a_command_ends_with_one_message(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    done = dagster(tmp_path, *MATERIALIZE, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    *others, said = done.stderr.splitlines()  # Dagster says first that `dg` is newer
    assert said.startswith(message)
    assert not [line for line in others if "found: " in line]


@pytest.mark.slow
def test_a_code_server_hands_the_error_on(tmp_path: Path) -> None:
    """It goes on, and whoever asks it for definitions is told, as the UI is."""
    done = dagster(tmp_path, "definitions", "validate", *DEFINITIONS, MEDALLION_ENGINE="sparc")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert f"SettingsError: {ENGINE}" in said


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["/venv/bin/dagster", "asset", "materialize"], SystemExit),
        (["/lib/dagster/__main__.py", "job", "execute"], SystemExit),
        (["/lib/dagster/__main__.py", "api", "grpc"], PermanentError),
        (["/venv/bin/medallion", "asset"], PermanentError),
        (["/venv/bin/dagster"], PermanentError),
        ([], PermanentError),
    ],
)
def test_only_what_loads_definitions_for_itself_is_ended(arguments: list[str], error: type[BaseException]) -> None:
    with pytest.raises(error, match="a setting is refused"), refusals_in_one_message(arguments):
        raise PermanentError("a setting is refused")

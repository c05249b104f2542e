"""Odd starts of the deployment's processes: one message of what was expected, found and is to be done, no traceback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.services.processes import REPOSITORY, free_port

DEPLOY = REPOSITORY / "deploy"
WATCHED, WORKSPACE = str(DEPLOY / "watched.py"), str(DEPLOY / "workspace.yaml")
PROGRAMS: dict[str, Callable[[int], list[str]]] = {
    "code server": lambda port: [
        *(WATCHED, "dagster", "api", "grpc", "-m", "medallion_assets.definitions"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ],
    "web server": lambda port: [WATCHED, "dagster-webserver", "-w", WORKSPACE, "--port", str(port)],
    "daemon": lambda _: ["-m", "medallion_assets.orchestration.daemon", "--workspace", WORKSPACE],
    "fork server": lambda _: ["-m", "medallion_assets.orchestration.runs.forks", "-m", "medallion_assets.definitions"],
    "pages": lambda port: [str(Path(sys.executable).with_name("medallion")), "pages", "--port", str(port)],
    "remote": lambda _: ["-m", "medallion_assets.remote", "--table", "gold.daily_sales_summary", "--day", "2025-01-01"],
}
ALL, SERVERS = tuple(PROGRAMS), ("code server", "web server")
OF_A_WORKSPACE = ("web server", "daemon")
OF_AN_INSTANCE = (*OF_A_WORKSPACE, "fork server")
Variables = dict[str, str | None]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a deployment has, of which a test takes one thing away."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "MEDALLION_HOME": str(tmp_path),
        "MEDALLION_TRIGGERS": "on",
        "MEDALLION_CODE_SERVER_PORT": str(free_port()),
        "DAGSTER_HOME": str(home),
    }


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refused(environment: dict[str, str], program: str, variables: Variables, *, port: int | None = None) -> str:
    """What a program says that ends at once."""
    kept = {name: value for name, value in (environment | variables).items() if value is not None}
    command = [sys.executable, *PROGRAMS[program](port or free_port())]
    done = subprocess.run(command, env=kept, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=180)
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said
    assert "Traceback" not in said
    assert "Stack Trace" not in said
    message = " ".join(said.replace("│", " ").split())
    assert (message.count("found: "), message.count("what to do: ")) == (1, 1), said
    return message


@pytest.mark.parametrize("program", first_quick(*ALL))
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MEDALLION_FRIST_DAY", "2025-01-01", "rename it to MEDALLION_FIRST_DAY"),
        pytest.param("MEDALLION_ENGINE", "sparc", "polars", marks=pytest.mark.slow),
    ],
)
def test_a_setting_that_is_refused(
    environment: dict[str, str], program: str, variable: str, value: str, words: str
) -> None:
    assert words in refused(environment, program, {variable: value})


@pytest.mark.parametrize("program", first_quick(*OF_AN_INSTANCE))
@pytest.mark.parametrize("place", first_quick(None, "/nowhere/dagster_home", "/proc/self/status"))
def test_a_folder_of_dagster_that_is_missing_or_none(
    environment: dict[str, str], program: str, place: str | None
) -> None:
    said = refused(environment, program, {"DAGSTER_HOME": place})
    assert f"expected: the folder with dagster.yaml; found: {place or 'nothing'}" in said


@pytest.mark.parametrize("program", first_quick(*OF_A_WORKSPACE))
def test_a_variable_that_the_workspace_takes(environment: dict[str, str], program: str) -> None:
    assert "MEDALLION_CODE_SERVER_PORT is not set" in refused(
        environment, program, {"MEDALLION_CODE_SERVER_PORT": None}
    )


def test_no_program_of_the_units_is_left_out() -> None:
    """Whatever systemd or the Procfile keeps running."""
    units = [unit.read_text() for unit in (DEPLOY / "systemd").glob("*.service")]
    started = re.findall(r"^ExecStart=(.*)$", "\n".join(units), re.MULTILINE)
    kept = [line.partition(": ")[2] for line in (DEPLOY / "Procfile").read_text().splitlines()]
    known = ("dagster api grpc", "dagster-webserver", "medallion-daemon", "runs.forks", "medallion pages")
    others = [line for line in (*started, *kept) if not any(name in line for name in known)]
    assert sorted(others) == ["/bin/true", "/opt/medallion/deploy/health.py --wait 60"]


@pytest.mark.parametrize("program", SERVERS)
def test_a_port_that_is_taken(environment: dict[str, str], program: str, taken: int) -> None:
    assert f"port {taken} is in use; expected: 127.0.0.1 is free" in refused(environment, program, {}, port=taken)
    assert "there is no port 70000" in refused(environment, program, {}, port=70_000)


def test_a_folder_of_dagster_that_cannot_be_made(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    variables = {"DAGSTER_HOME": str(tmp_path / "file" / "home"), "DAGSTER_POSTGRES_URL": "postgresql://u:p@h/d"}
    done = subprocess.run(
        [DEPLOY / "run"], env=environment | variables, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 1
    assert f"found: {tmp_path}/file/home; what to do: set DAGSTER_HOME" in done.stderr

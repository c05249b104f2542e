"""What is deployed says one thing in one way: Dagster's files, the processes, the settings."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.workspace.config_schema import process_workspace_config

from medallion_assets.settings.alerts import ALERT_KINDS
from medallion_assets_tests.services.processes import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
PROCESSES = ("code-server", "daemon", "webserver", "fork-server")
PARENTS = ("daemon", "fork-server")
"""Those whose children are runs."""


def read(name: str) -> dict[str, Any]:
    found = yaml.safe_load((DEPLOY / name).read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ["dagster.yaml", "dagster.dev.yaml"])
def test_dagster_accepts_its_settings(name: str, tmp_path: Path) -> None:
    shutil.copy(DEPLOY / name, tmp_path / "dagster.yaml")
    values, _ = dagster_instance_config(str(tmp_path))
    assert values["concurrency"]["runs"]["max_concurrent_runs"] == 3
    assert values["telemetry"]["enabled"] is False


def test_development_differs_from_production_in_its_storage_alone() -> None:
    production = read("dagster.yaml")
    assert set(production.pop("storage")) == {"postgres"}
    assert read("dagster.dev.yaml") == production


def test_the_code_server_stands_in_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_CODE_SERVER_PORT", "4266")
    assert process_workspace_config(read("workspace.yaml")).success


def commands() -> dict[str, str]:
    """The Procfile's processes: name and command."""
    lines = (DEPLOY / "Procfile").read_text().splitlines()
    return {name: command.removeprefix("exec ") for name, command in (line.split(": ", 1) for line in lines)}


@pytest.mark.parametrize("process", PROCESSES)
def test_systemd_and_the_supervisor_start_the_same_command(process: str) -> None:
    unit = (DEPLOY / "systemd" / f"medallion-{process}.service").read_text()
    (started,) = re.findall(r"^ExecStart=/opt/medallion/(?:\.venv/bin/)?(.*)$", unit, re.MULTILINE)
    assert re.sub(r"\$\{(\w+)\}", r"$\1", started) == commands()[process]
    assert set(commands()) == set(PROCESSES)


@pytest.mark.parametrize("process", PARENTS)
def test_a_parent_of_runs_that_is_started_again_ends_none_and_a_stop_of_the_whole_does(process: str) -> None:
    parent = (DEPLOY / "systemd" / f"medallion-{process}.service").read_text()
    runs = (DEPLOY / "systemd" / "medallion-runs.service").read_text()
    assert "KillMode=process\n" in parent
    assert "JoinsNamespaceOf=medallion-runs.service\n" in parent  # or its runs would lose their temporary files
    assert re.search(r"^After=.*\bmedallion-runs.service$", parent, re.MULTILINE)  # so it is stopped before
    assert "ExecStop=/opt/medallion/deploy/end-runs\n" in runs
    assert "PartOf=medallion.target\n" in runs


@pytest.mark.parametrize("process", PROCESSES)
def test_systemd_and_the_supervisor_start_anew_what_hangs(process: str) -> None:
    """A busy host causes no silence as long as that."""
    unit = (DEPLOY / "systemd" / f"medallion-{process}.service").read_text()
    seconds = re.findall(r"^WatchdogSec=(\d+)$", unit, re.MULTILINE)
    silent_seconds = runpy.run_path(str(DEPLOY / "supervisor.py"))["SILENT_SECONDS"]
    assert [float(text) for text in seconds] == [silent_seconds] == [60]
    assert "WatchdogSignal=SIGKILL\n" in unit  # what stands still hears no other


def test_the_code_server_has_a_thread_left_while_every_sensor_and_schedule_waits() -> None:
    """Otherwise it would answer nobody while the store is slow, and look as if it hung."""
    (threads,) = re.findall(r"--max-workers (\d+) ", commands()["code-server"])
    settings = read("dagster.yaml")
    askers = [
        settings[kind][number]
        for kind in ("sensors", "schedules", "backfills")
        for number in ("num_workers", "num_submit_workers")
    ]
    assert int(threads) > sum(askers)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Each with the paths of this checkout, as systemd wants to see the programs."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    units = []
    for unit in sorted((DEPLOY / "systemd").iterdir()):
        text = unit.read_text().replace("/opt/medallion/.venv", f"{REPOSITORY}/.venv")
        units.append(tmp_path / unit.name)
        units[-1].write_text(text.replace("/opt/medallion", str(REPOSITORY)))
    done = subprocess.run([program, "verify", *units], capture_output=True, text=True, check=False, timeout=180)
    found = [line for line in done.stderr.splitlines() if "medallion" in line]
    assert (found, done.returncode) == ([], 0)


@pytest.mark.parametrize("process", PARENTS)
def test_a_run_that_is_killed_for_memory_ends_no_other(process: str) -> None:
    """Unless it is told otherwise, systemd stops the whole unit."""
    assert "\nOOMPolicy=continue\n" in (DEPLOY / "systemd" / f"medallion-{process}.service").read_text()


def test_the_fork_server_starts_and_stops_with_the_whole_alone_and_runs_have_the_daemons_limits() -> None:
    """It notices new code itself. A forked run may do what one may that the daemon started."""
    units = {name: (DEPLOY / "systemd" / f"medallion-{name}.service").read_text() for name in PROCESSES}
    assert "\nPartOf=medallion.target\n" in units["fork-server"]
    assert re.search(r"^Wants=.*\bmedallion-fork-server.service$", units["code-server"], re.MULTILINE)
    limits = {name: unit.partition("# The process sees the system")[2] for name, unit in units.items()}
    assert limits["fork-server"] == limits["daemon"]
    pages = (DEPLOY / "systemd" / "medallion-pages.service").read_text()
    rights = pages.partition("# The process sees the system")[2].partition("[Install]")[0]
    assert rights == limits["webserver"].partition("[Install]")[0]


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda unit: unit.stem)
def test_what_stops_with_the_whole_starts_with_it_again(unit: Path) -> None:
    """The target wants the unit itself, or it wants it where it is enabled."""
    text, whole = unit.read_text(), (DEPLOY / "systemd" / "medallion.target").read_text()
    if "\nPartOf=medallion.target\n" in text:
        wanted = re.findall(r"^(?:Wants|WantedBy)=(.*)$", f"{whole}\n{text.partition('[Install]')[2]}", re.MULTILINE)
        assert {unit.name, "medallion.target"} & set(" ".join(wanted).split())


def test_the_example_names_every_setting_and_no_other() -> None:
    """Those of the settings, and those that only the processes' command lines take."""
    example = set(re.findall(r"^#?(MEDALLION_\w+)=", (DEPLOY / "medallion.env.example").read_text(), re.MULTILINE))
    source = "".join(path.read_text() for path in (REPOSITORY / "medallion_assets" / "settings").glob("*.py"))
    known = set(re.findall(r'"(MEDALLION_[A-Z_]+)"', source))
    known |= {f"MEDALLION_ALERTS_{kind.upper()}" for kind in ALERT_KINDS}
    started = [(DEPLOY / "Procfile").read_text(), (DEPLOY / "systemd" / "medallion-pages.service").read_text()]
    on_command_lines = set(re.findall(r"\$\{?(MEDALLION_\w+)", "".join(started)))
    assert example == known | on_command_lines


def test_triggers_are_on_in_every_process_of_a_deployment_unless_its_settings_say_no() -> None:
    """Settings of an earlier release do not name them."""
    for process in (*PROCESSES, "health"):
        unit = (DEPLOY / "systemd" / f"medallion-{process}.service").read_text()
        assert re.search(r"^Environment=.*\bMEDALLION_TRIGGERS=on$", unit, re.MULTILINE), process
    for script in ("run", "as-medallion"):
        assert 'export MEDALLION_TRIGGERS="${MEDALLION_TRIGGERS:-on}"' in (DEPLOY / script).read_text()


def test_production_has_the_versions_that_the_tests_have() -> None:
    tested, deployed = (
        set(re.findall(r"^[\w.-]+==\S+", (REPOSITORY / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-production.lock")
    )
    assert deployed < tested

"""`medallion ui`: which home it shows, and that its runs need no daemon. That it works: end_to_end/test_ui.py."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._serdes import deserialize_value

from medallion_assets.cli.dagster_home import own_settings
from medallion_assets.cli.demo.home import demo_settings, recording
from medallion_assets.cli.local import ui as show
from medallion_assets.cli.web_ui import HOST, WebUi, web_ui
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.hosting.instance_settings import dev_yaml
from medallion_assets.settings import PIPELINES, load_settings
from medallion_assets_tests.services.processes import free_port


def ui(home: Path, *, demo: bool | None = None, **variables: str) -> WebUi:
    environment = {"MEDALLION_HOME": str(home), **variables}
    return web_ui(load_settings(environment), environment, port=free_port(), demo=demo)


def make_demo(home: Path) -> Path:
    with recording(home / "demo"):
        pass
    return home / "demo"


def make_runs(home: Path) -> None:
    (home / "dagster_home" / "history").mkdir(parents=True)


def test_a_home_without_runs_shows_those_of_its_demo(tmp_path: Path) -> None:
    """With its own places, whatever the shell says; a home with runs shows these, unless told otherwise."""
    demo = make_demo(tmp_path)
    shown = ui(tmp_path, MEDALLION_LAKEHOUSE_URL="s3://lake/tables", MEDALLION_RAW_URL="s3://lake/raw")
    assert (shown.home, shown.is_demo) == (demo, True)
    settings = load_settings(shown.environment)
    assert (settings.home, settings.lakehouse_url) == (demo, str(demo / "lakehouse"))
    assert shown.environment["DAGSTER_HOME"] == str(demo / "dagster_home")
    assert settings.command_prefix.startswith(f"env MEDALLION_HOME={demo} DAGSTER_HOME={demo}/dagster_home MEDALL")
    assert settings.command_prefix == demo_settings(load_settings({"MEDALLION_HOME": str(tmp_path)})).command_prefix
    own = ui(tmp_path, MEDALLION_COMMAND_PREFIX="deploy/as-medallion")
    assert load_settings(own.environment).command_prefix == "deploy/as-medallion"
    make_runs(tmp_path)
    assert ui(tmp_path).home == tmp_path
    assert ui(tmp_path, demo=True).home == demo
    assert ui(tmp_path, demo=False).home == tmp_path
    assert ui(demo).home == demo


def test_what_an_earlier_releases_demo_left_in_the_home_is_no_reason_against_the_new_demo(tmp_path: Path) -> None:
    make_runs(tmp_path)
    (tmp_path / "demo.json").write_text('{"seed": 7}')
    assert ui(tmp_path).home == tmp_path
    demo = make_demo(tmp_path)
    assert ui(tmp_path).home == demo


def test_commands_are_about_the_pipelines_and_places_that_it_shows(tmp_path: Path) -> None:
    variables = {"MEDALLION_PIPELINES": PIPELINES, "MEDALLION_FIRST_DAY": "2026-11-01"}
    own = ui(tmp_path, **variables, MEDALLION_RAW_URL="s3://lake/raw").environment["MEDALLION_COMMAND_PREFIX"]
    assert f"MEDALLION_PIPELINES={PIPELINES} MEDALLION_RAW_URL=s3://lake/raw MEDALLION_FIRST_DAY=2026-11-01" in own
    make_demo(tmp_path)
    of_demo = ui(tmp_path, demo=True, MEDALLION_RAW_URL="s3://lake/raw").environment["MEDALLION_COMMAND_PREFIX"]
    assert "MEDALLION_RAW_URL" not in of_demo


def test_a_demo_that_was_not_run_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="there is no demo in"):
        ui(tmp_path, demo=True)


@pytest.mark.parametrize(
    "own", [None, "run_queue: {dequeue_interval_seconds: 1}\nconcurrency: {runs: {max_concurrent_runs: 3}}\n"]
)
def test_runs_start_at_once_whatever_the_dagster_yaml_says(tmp_path: Path, own: str | None) -> None:
    """Nobody would take them out of a queue. One of somebody's own is left as it is, and what it lacks is named."""
    yaml = tmp_path / "dagster_home" / "dagster.yaml"
    if own:
        yaml.parent.mkdir()
        yaml.write_text(own)
    shown = ui(tmp_path)
    instance = deserialize_value(shown.environment["DAGSTER_WEBSERVER_INSTANCE_REF"], InstanceRef)
    assert not isinstance(instance.run_coordinator, QueuedRunCoordinator)
    assert instance.settings["telemetry"] == {"enabled": False}
    assert yaml.is_symlink() == (own is None)
    assert yaml.read_text() == (own or dev_yaml().read_text())
    assert shown.own_dagster_yaml == (yaml if own else None)
    lacks = "it lacks: pools, so that two runs never write one table at once, retries of runs that crash, run"
    assert (lacks in own_settings(yaml.parent)) == bool(own)


def test_it_starts_a_web_server_and_no_daemon(tmp_path: Path) -> None:
    """And what a dagster.yaml says of passwords is in no command line."""
    shown = ui(tmp_path)
    assert shown.command[1:3] == ["-m", "medallion_assets.cli.page_server"]
    assert load_settings(shown.environment).pages_url == shown.pages_url
    assert not [word for word in shown.command if "instance" in word]


def test_it_says_that_its_links_do_not_answer_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    said = list[str]()
    monkeypatch.setattr("os.execve", lambda *_: said.extend(capfd.readouterr()))
    show(port=free_port(), demo=None)
    assert "/dashboard.html" in said[0]
    assert said[1] == "starting Dagster: the links answer in some 10 seconds ...\n"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(PermanentError, match=r"is in use.*--port"):
            web_ui(load_settings({"MEDALLION_HOME": str(tmp_path)}), {}, port=taken.getsockname()[1])

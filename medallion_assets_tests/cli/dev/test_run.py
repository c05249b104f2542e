"""`medallion dev`: what it refuses, what it sets, and what it prints. That it works: end_to_end/test_dev.py."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from medallion_assets.cli import web_ui
from medallion_assets.cli.dev import run as dev
from medallion_assets.cli.dev.run import DevServer, run_dev
from medallion_assets.cli.dev.serving import PublishedAgain
from medallion_assets.cli.dev.view import OF_MAKE, LogView, dev_page
from medallion_assets.cli.home_lock import LOCK, only_one
from medallion_assets.errors import PermanentError
from medallion_assets.settings import PIPELINES, Settings, load_settings
from medallion_assets_tests.contracts.misspelt_condition import MISSPELT
from medallion_assets_tests.services.processes import REPOSITORY, free_port

SERVER = DevServer(
    ui_url="http://127.0.0.1:3000",
    home=Path("/home/of it"),
    endpoint="http://127.0.0.1:8001",
    published_again=PublishedAgain(days=15, items=1234),
    own_dagster_yaml=None,
    variables={"MEDALLION_HOME": "/home/of it"},
    pages_url="http://127.0.0.1:3001",
)


def page(server: DevServer) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(dev_page(server))
    return console.file.getvalue()  # type: ignore[attr-defined]


def run(
    home: Path,
    variables: Mapping[str, str] | None = None,
    doing: Callable[[str], object] = print,
    **ports: int,
) -> None:
    environment = {"AWS_ENDPOINT_URL_DYNAMODB": "", **(variables or {})}
    usual = {"port": free_port(), "dynamodb_port": free_port()}
    settings = load_settings({"MEDALLION_HOME": str(home), **(variables or {})})
    run_dev(settings, environment, **usual | ports, doing=doing, up=print, show=print)


@pytest.mark.parametrize(("name", "option"), [("port", "--port"), ("dynamodb_port", "--dynamodb-port")])
def test_a_port_that_is_taken_is_named_with_its_option(tmp_path: Path, name: str, option: str) -> None:
    with socket.socket() as taken:
        taken.bind((web_ui.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PermanentError, match=rf"port {port} is in use.*{option}"):
            run(tmp_path, **{name: port})


def test_a_home_in_which_another_one_works_is_refused(tmp_path: Path) -> None:
    """Before anything of it is touched."""
    refused = pytest.raises(PermanentError, match=rf"process {os.getpid()} \(medallion dev")
    with only_one(tmp_path, "medallion dev"), refused:
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_it_says_where_the_pages_are() -> None:
    assert "http://127.0.0.1:3001/dashboard.html" in page(SERVER)


def test_a_dagster_yaml_of_ones_own_is_told() -> None:
    own = Path("/home/of it/dagster_home/dagster.yaml")
    assert "of your own" not in page(SERVER)
    assert f"{own}  # your own dagster.yaml, which is kept and used" in page(replace(SERVER, own_dagster_yaml=own))


def test_a_dagster_that_ends_by_itself_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code is told, and that it said why; until then it is said what is done."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    said: list[str] = []
    with pytest.raises(PermanentError, match=r"exited unexpectedly.*exit code 1"):
        run(tmp_path, doing=said.append)
    assert [words.split(":")[0].split(",")[0] for words in said] == [
        "starting DynamoDB in this process",
        "loading the definitions",
        "starting Dagster",
    ]
    assert "20 to 40 seconds" in said[-1]


def test_a_condition_on_a_column_that_is_not_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster is not started, which would show the definitions and let Silver's first run fail."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PermanentError, match=r"expectation total_positive.*did you mean total\?"):
        run(tmp_path, {"MEDALLION_PIPELINES": MISSPELT})


def test_commands_are_about_the_pipelines_and_places_that_it_runs_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its page, its alerts and the dashboard print them; keys of AWS are in none."""
    served: list[Settings] = []

    def remembered(settings: Settings, **_: object) -> AbstractContextManager[None]:
        served.append(settings)
        raise PermanentError("enough", do="nothing")

    monkeypatch.setattr(dev, "served_pages", remembered)
    chosen = {"MEDALLION_PIPELINES": PIPELINES, "MEDALLION_FIRST_DAY": "2026-11-01"}
    with pytest.raises(PermanentError, match="enough"):
        run(tmp_path, {**chosen, "MEDALLION_SERVING_PREFIX": "mine_", "AWS_SECRET_ACCESS_KEY": "of somebody"})
    words = f"MEDALLION_PIPELINES={PIPELINES} MEDALLION_FIRST_DAY=2026-11-01 MEDALLION_SERVING_PREFIX=mine_ "
    assert words in served[0].command_prefix
    assert "of somebody" not in served[0].command_prefix


def test_the_page_says_where_all_is_and_what_to_type() -> None:
    said = page(SERVER)
    for words in (
        "Dagster UI http://127.0.0.1:3000",
        "restored what was published, 1,234 items",
        "export MEDALLION_HOME='/home/of it'",
        "Ctrl-C stops everything",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("home", "is_elsewhere", "command"),
    [
        (REPOSITORY / ".medallion" / "dev", False, "make sample-export"),
        (REPOSITORY / ".medallion" / "dev", True, "medallion sample-export --elsewhere"),
        (Path("/home/of it"), False, "medallion sample-export"),
    ],
)
def test_sample_exports_are_dropped_where_this_one_looks(home: Path, is_elsewhere: bool, command: str) -> None:
    """The Makefile's command is about one home, and refuses places outside it."""
    said = page(replace(SERVER, home=home, is_elsewhere=is_elsewhere))
    assert f"{command}  # new exports arrive" in said
    assert f"medallion {command.split(' ', 1)[1]} --bad-share 0.1" in said
    assert ("make" in said) is command.startswith("make")


def test_the_makefile_drops_them_in_the_home_that_is_its_own() -> None:
    assert f"DEV_HOME ?= {OF_MAKE.relative_to(REPOSITORY)}\n" in (REPOSITORY / "Makefile").read_text()


@pytest.mark.parametrize(
    ("again", "words"),
    [(None, "as it was set"), (PublishedAgain(days=0, items=0), "empty, nothing was published yet")],
)
def test_the_page_says_what_dynamodb_holds(again: PublishedAgain | None, words: str) -> None:
    assert words in page(replace(SERVER, published_again=again))


def test_lines_are_printed_whole_and_as_they_are() -> None:
    """No wrapping at the terminal's width, and no markup in what comes from data."""
    console = Console(file=StringIO(), width=20)
    view = LogView("http://ui", console)
    view("2026-11-21 15:36:29 +0000 - dagster.code_server - WARNING - [red]odd[/red] and a long line of words\n")
    view("2026-11-21 15:36:29 +0000 - dagster.daemon - WARNING - No cursor for event type X\n")
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed == "15:36:29 dagster.code_server  [red]odd[/red] and a long line of words\n"


@pytest.mark.parametrize(("is_ending", "expected"), [(False, ["a\n", "\ufffd\n"]), (True, [])])
def test_dagster_is_read_to_its_end_and_silent_once_it_is_ended(is_ending: bool, expected: list[str]) -> None:
    """Also when a line cannot be shown, as the terminal is gone."""
    shown: list[str] = []
    ending = threading.Event()
    if is_ending:
        ending.set()

    def show(line: str) -> None:
        if line.startswith("gone"):
            raise BrokenPipeError
        shown.append(line)

    with subprocess.Popen(["printf", r"a\ngone\n\377\n"], stdout=subprocess.PIPE) as process:
        dev._pass_on(process, show, ending)
        assert process.wait() == 0
    assert shown == expected

"""`deploy/health.py` tells what is wrong and what to do, and its exit code says so to a machine."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from threading import Event
from typing import Any

import pytest

from medallion_assets_tests.services.postgres import PostgresServer, postgres_server
from medallion_assets_tests.services.processes import REPOSITORY, free_port
from medallion_assets_tests.services.small_disk import SmallDisk


def health(*options: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the answers by part."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / "deploy" / "health.py", "--json", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.stdout, done.stderr
    return done.returncode, {answer["part"]: answer for answer in json.loads(done.stdout)["parts"]}


def test_a_database_that_answers_is_well(postgres: PostgresServer) -> None:
    code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL=postgres.make_database())
    assert (code, parts["postgresql"]["is_well"]) == (0, True)


def test_a_database_that_is_down_is_told_without_its_password() -> None:
    port = free_port()
    url = f"postgresql+psycopg2://medallion:secret@127.0.0.1:{port}/dagster"
    code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)
    answer = parts["postgresql"]
    assert code == 1
    assert f"no connection to 127.0.0.1:{port}/dagster as medallion" in answer["found"]
    assert answer["do"] == "start PostgreSQL (is its disk full?), or correct DAGSTER_POSTGRES_URL"
    assert "secret" not in json.dumps(parts)


@pytest.mark.usefixtures("postgres")
def test_a_database_whose_disk_is_full_is_not_well_though_it_answers(small_disk: SmallDisk) -> None:
    """Everybody may connect and read, and no run can begin or end."""
    with postgres_server(small_disk.path) as server:
        url = server.make_database()
        assert health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)[0] == 0
        small_disk.fill()
        code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)
        small_disk.free()
        assert health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)[0] == 0
    assert (code, "takes no writes" in parts["postgresql"]["found"]) == (1, True), parts
    assert "No space left on device" in parts["postgresql"]["found"]
    assert parts["postgresql"]["do"] == "free space on its disk; everything goes on by itself then"


def test_a_place_without_room_is_told(small_disk: SmallDisk) -> None:
    places = {"DAGSTER_HOME": str(small_disk.path / "not" / "made yet"), "MEDALLION_LAKEHOUSE_URL": "s3://lake/tables"}
    code, parts = health("--only", "disk", **places)
    assert (code, "lakehouse" in parts["disk"]["found"]) == (0, False), parts
    small_disk.fill()
    code, parts = health("--only", "disk", **places)
    assert code == 1
    assert parts["disk"]["found"] == f"DAGSTER_HOME ({places['DAGSTER_HOME']}): 0.0 GB free"
    assert "What happens when a disk is full" in parts["disk"]["do"]


def test_a_url_that_is_none_is_told_with_the_form_of_one() -> None:
    code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL="localhost")
    assert (code, parts["postgresql"]["found"]) == (1, "DAGSTER_POSTGRES_URL is not the URL of a database")
    assert "postgresql+psycopg2://user:password@host:5432/database" in parts["postgresql"]["do"]


def test_a_part_that_does_not_answer_is_not_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a database does that has frozen: whatever asks it waits for ever."""
    look = runpy.run_path(str(REPOSITORY / "deploy" / "health.py"))["look"]
    monkeypatch.setitem(look.__globals__, "LOOK_SECONDS", 0.1)
    monkeypatch.setitem(look.__globals__["PARTS"], "daemon", Event().wait)
    answer = look("daemon")
    assert (answer.is_well, answer.found) == (False, "no answer within 0.1 s")


def test_a_wrong_setting_is_told() -> None:
    code, parts = health("--only", "settings", MEDALLION_TIMERS="often")
    assert code == 1
    assert "MEDALLION_TIMERS" in parts["settings"]["found"]


def test_triggers_are_told_and_must_be_set() -> None:
    """An operator whose units are of an earlier release sees why nothing starts, and what to do."""
    code, parts = health("--only", "settings", MEDALLION_HOME="/srv/of-mine", MEDALLION_TRIGGERS="on")
    assert (code, parts["settings"]["found"]) == (0, "lakehouse /srv/of-mine/lakehouse, triggers on")
    code, parts = health("--only", "settings")
    assert (code, "MEDALLION_TRIGGERS is not set" in parts["settings"]["found"]) == (1, True), parts
    assert "copy the units of this release" in parts["settings"]["do"]


def test_processes_that_are_down_are_told() -> None:
    ports = {"MEDALLION_CODE_SERVER_PORT": str(free_port()), "MEDALLION_UI_PORT": str(free_port())}
    code, parts = health("--only", "code-server", "--only", "webserver", **ports)
    assert code == 1
    assert [answer["is_well"] for answer in parts.values()] == [False, False]
    assert "journalctl -u medallion-webserver" in parts["webserver"]["do"]
